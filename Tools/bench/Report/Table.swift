// The table that `make bench` prints.

/// A number as people read it: 676, 1,078, 443 k, 36.7 M. Four digits are kept as they are.
public func short(_ value: Int) -> String {
    func grouped(_ value: Int) -> String {
        value < 1000 ? "\(value)" : "\(value / 1000)," + String("\(value % 1000 + 1000)".dropFirst())
    }
    func scaled(_ unit: Int, _ letter: String) -> String {
        let tenths = (value * 10 + unit / 2) / unit
        return tenths < 1000 ? "\(tenths / 10).\(tenths % 10) \(letter)" : "\((value + unit / 2) / unit) \(letter)"
    }
    switch value {
    case ..<10_000: return grouped(value)
    case ..<999_500: return scaled(1000, "k")
    default: return scaled(1_000_000, "M")
    }
}

/// A line of the table: an operation, what was measured, and how it compares.
public struct Row: Sendable {
    public let reference: Reference
    public let value: Int
    /// The second run's number, and the baseline's, where there is one.
    public let again: Int?
    public let baseline: Int?
    /// TLB flushes, in tenths.
    public let flushes: Int?

    public init(reference: Reference, value: Int, again: Int? = nil, baseline: Int? = nil, flushes: Int? = nil) {
        self.flushes = flushes
        self.reference = reference
        self.value = value
        self.again = again
        self.baseline = baseline
    }

    public var misses: Bool { reference.target.map { value > $0 } ?? false }

    /// How many times better than the best of the others.
    public var ratio: Double? {
        let others = [reference.xv6, reference.xv6Shipped, reference.linux].compactMap { $0 }
        return value > 0 ? others.min().map { Double($0) / Double(value) } : nil
    }

    private static func percent(_ value: Int, against other: Int) -> Double {
        other == 0 ? (value == 0 ? 0 : 100) : Double(value - other) / Double(other) * 100
    }

    /// How far the second run lies from the first, in percent.
    public var spread: Double? { again.map { abs(Self.percent($0, against: value)) } }
    /// The two runs differ by more than this operation may.
    public var wavers: Bool { spread.map { $0 > reference.tolerance } ?? false }
    /// What changed against the baseline, in percent; more is worse.
    public var change: Double? { baseline.map { Self.percent(value, against: $0) } }
    public var isWorse: Bool { change.map { $0 > reference.tolerance } ?? false }

    fileprivate var cells: [String] {
        func number(_ value: Int?) -> String { value.map(short) ?? "" }
        func signed(_ percent: Double) -> String { (percent >= 0 ? "+" : "-") + fixed(abs(percent)) + "%" }
        var notes: [String] = []
        if misses { notes.append("MISSES the target") }
        if wavers { notes.append("second run " + number(again)) }
        if let change, abs(change) > reference.tolerance {
            notes.append("\(signed(change)) \(isWorse ? "WORSE" : "better") than \(number(baseline))")
        }
        return [
            reference.title, number(value), flushes.map { fixed(Double($0) / 10) } ?? "", number(reference.target),
            number(reference.xv6),
            number(reference.xv6Shipped), number(reference.linux),
            ratio.map { fixed($0) + "x" } ?? "", notes.joined(separator: "; "),
        ]
    }
}

/// With one decimal, below 10, and without from there on.
func fixed(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return tenths < 100 ? "\(tenths / 10).\(tenths % 10)" : "\(Int(value.rounded()))"
}

public enum Table {
    /// Joins what was measured with what it is compared with, in the reference's order; what that does not know comes
    /// last.
    public static func rows(
        _ references: [Reference], _ results: Results, again: Results?, baseline: Results?, flushes: Results? = nil
    ) -> [Row] {
        let known = Set(references.map(\.name))
        let unknown = results.names.filter { !known.contains($0) }.map {
            Reference(name: $0, title: $0, target: nil, xv6: nil, xv6Shipped: nil, linux: nil, tolerance: 1)
        }
        return (references + unknown).compactMap { reference in
            results[reference.name].map {
                Row(
                    reference: reference, value: $0, again: again?[reference.name], baseline: baseline?[reference.name],
                    flushes: flushes?[reference.name])
            }
        }
    }

    public static func text(_ rows: [Row]) -> String {
        let head = ["operation", "now", "flushes", "target", "xv6 LTO", "xv6", "Linux", "better", ""]
        let lines = [head] + rows.map(\.cells)
        let widths = head.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let cells = line.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - line[column].count)
                return column == 0 || column == head.count - 1 ? line[column] + padding : padding + line[column]
            }
            var text = cells.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text + "\n"
        }.joined()
    }
}
