// What a kernel gained on the starter's, operation by operation, in guest instructions.

import Foundation

/// An operation of a stage that is measured.
public struct Gain: Sendable {
    /// Percent by which an operation may get worse before the stage has no points.
    public static let limit = 3.0
    /// Percent that two runs of the same kernel may lie apart: less is no gain.
    static let noise = 1.0

    public let measure: Lab.Measure
    /// Instructions of the starter's kernel.
    public let before: Int
    public let now: Int

    public init(measure: Lab.Measure, before: Int, now: Int) {
        self.measure = measure
        self.before = before
        self.now = now
    }

    /// Percent fewer instructions; below 0 there are more.
    public var percent: Double { before == 0 ? 0 : Double(before - now) / Double(before) * 100 }
    public var isWorse: Bool { percent < -Self.limit }
    /// What it is worth by itself.
    public var points: Int {
        guard percent > Self.noise else { return 0 }
        return Int(Double(measure.points) * min(1, percent / measure.percent))
    }

    /// `getpid   163 -> 150   8.0 % fewer   6 of 10 points`.
    var line: String {
        let change = "\(Self.tenths(abs(percent))) % \(percent < 0 ? "more" : "fewer")"
        let numbers = "\(before) -> \(now)".padded(to: 20) + change.padded(to: 16)
        return measure.name.padded(to: 24) + numbers
            + (measure.points == 0 ? "no more than before is wanted" : "\(points) of \(measure.points) points")
    }

    /// With one digit behind the point.
    static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension [Gain] {
    /// The points of all, none if one got worse.
    public var points: Int { contains(where: \.isWorse) ? 0 : reduce(0) { $0 + $1.points } }

    /// The geometric mean of what is left of the instructions, 1 for as many as before: what a leader board goes by.
    public var mean: Double {
        let parts = filter { $0.before > 0 && $0.now > 0 }.map { Double($0.now) / Double($0.before) }
        return parts.isEmpty ? 1 : pow(parts.reduce(1, *), 1 / Double(parts.count))
    }
}

extension String {
    /// With spaces behind it, and always one.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: Swift.max(1, width - count)) }
}
