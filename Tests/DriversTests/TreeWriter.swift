// Writes device trees (Devicetree Specification 0.4, chapter 5) for tests: those that other boards have.

/// A node to be written.
struct TreeNode {
    var name: String
    var properties: [(String, [UInt8])] = []
    var children: [TreeNode] = []

    init(_ name: String, _ properties: [(String, [UInt8])] = [], _ children: [TreeNode] = []) {
        self.name = name
        self.properties = properties
        self.children = children
    }
}

/// 32-bit cells of a property.
func cells(_ values: UInt32...) -> [UInt8] { values.flatMap(bigEndian) }
/// Strings of a property, each with its NUL.
func strings(_ texts: String...) -> [UInt8] { texts.flatMap { Array($0.utf8) + [0] } }

private func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    stride(from: value.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
}

/// The blob with this root and this reservation block.
func deviceTree(_ root: TreeNode, reserving: [(UInt64, UInt64)] = []) -> [UInt8] {
    var structure: [UInt8] = []
    var names: [UInt8] = []
    func align() { while structure.count % 4 != 0 { structure.append(0) } }
    func write(_ node: TreeNode) {
        structure += cells(1) + strings(node.name)
        align()
        for (name, value) in node.properties {
            structure += cells(3, UInt32(value.count), UInt32(names.count)) + value
            align()
            names += strings(name)
        }
        node.children.forEach(write)
        structure += cells(2)
    }
    write(root)
    structure += cells(9)
    let reservations = (reserving + [(0, 0)]).flatMap { bigEndian($0.0) + bigEndian($0.1) }
    let structureOffset = UInt32(40 + reservations.count)
    let stringsOffset = structureOffset + UInt32(structure.count)
    let total = stringsOffset + UInt32(names.count)
    return cells(
        0xd00d_feed, total, structureOffset, stringsOffset, 40, 17, 16, 0, UInt32(names.count), UInt32(structure.count))
        + reservations + structure + names
}

/// A root with two cells for addresses and two for sizes.
func board(_ children: TreeNode...) -> TreeNode {
    TreeNode("", [("#address-cells", cells(2)), ("#size-cells", cells(2))], children)
}
