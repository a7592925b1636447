// What was measured: names and numbers, as bench prints them and as files keep them. One line each: name, tab, number;
// a line that begins with # says something about the rest.

/// The numbers of one run, in the order they came.
public struct Results: Sendable {
    public private(set) var names: [String] = []
    private var values: [String: Int] = [:]

    public init() {}

    /// Takes the lines that look like a result; a guest's console holds others as well.
    /// - Parameter prefix: what the names are to begin with, for measures that are taken over several cards.
    public init(_ text: String, prefix: String = "") {
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let fields = line.split(separator: "\t")
            guard fields.count == 2, let value = Int(fields[1]),
                fields[0].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" })
            else { continue }
            self[prefix + fields[0]] = value
        }
    }

    public subscript(name: String) -> Int? {
        get { values[name] }
        set {
            if values[name] == nil, newValue != nil { names.append(name) }
            values[name] = newValue
        }
    }

    /// Adds what `other` has, in its place where both have it.
    public mutating func merge(_ other: Results) {
        for name in other.names { self[name] = other[name] }
    }

    /// Adds what `other` has; of what both have, the greater.
    public mutating func mergeGreatest(_ other: Results) {
        for name in other.names { self[name] = max(self[name] ?? .min, other[name]!) }
    }
    /// As a file, after lines of comment.
    public func text(_ comment: String) -> String {
        comment.split(separator: "\n").map { "# \($0)\n" }.joined() + names.map { "\($0)\t\(values[$0]!)\n" }.joined()
    }
}

/// Several runs of which the least numbers count: a busy host makes the guest execute more, never less.
public struct Runs: Sendable {
    public private(set) var least: Results
    /// The least but one, of what was measured more than once.
    public private(set) var second = Results()

    public init(_ first: Results) { least = first }

    public mutating func add(_ run: Results) {
        for name in run.names {
            guard let value = run[name] else { continue }
            let before = least[name]
            least[name] = min(before ?? value, value)
            if let before { second[name] = min(second[name] ?? .max, max(before, value)) }
        }
    }
}
