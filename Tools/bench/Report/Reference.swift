// What the numbers are compared with: Documentation/bench/reference.tsv, one line an operation.

/// An operation as the table shows it. Numbers that were not measured are nil.
public struct Reference: Sendable {
    public let name: String
    public let title: String
    /// What issue and design ask for.
    public let target: Int?
    /// xv6 of December 2025, built with -O2 and link-time optimisation; and as shipped.
    public let xv6: Int?
    public let xv6Shipped: Int?
    /// Linux 6.12 on the same machine and card.
    public let linux: Int?
    /// How far two runs may lie apart, in percent, before it is worth a word: 1, or more where the host has a say.
    public let tolerance: Double

    /// Reads the file's text: a line of column names, then the operations; - stands for what is not known.
    public static func parse(_ text: String) -> [Reference] {
        text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }.dropFirst().compactMap { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard fields.count >= 7 else { return nil }
            return Reference(
                name: fields[0], title: fields[1], target: Int(fields[2]), xv6: Int(fields[3]),
                xv6Shipped: Int(fields[4]), linux: Int(fields[5]),
                tolerance: Double(fields[6]) ?? 1)
        }
    }
}
