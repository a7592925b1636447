// Nodes of the device tree: the walk, and what a node says of itself in the terms that its ancestors set.

/// The cell counts and the interrupt parent that a node hands down.
struct DeviceTreeScope {
    var addressCells = 2
    var sizeCells = 1
    var interruptParent: UInt32 = 0
    /// Neither this node nor one above it is disabled.
    var isEnabled = true
}

/// One node. A small value that points into the blob.
public struct DeviceTreeNode {
    let tree: DeviceTree
    /// Name with unit address: "serial@10000000".
    public let name: DeviceTreeBytes
    /// 0 for the root.
    public let depth: Int
    let propertiesOffset: Int
    /// What the parent says about `reg`, `ranges` and interrupts here.
    let outer: DeviceTreeScope
    /// What this node says about those of its children.
    let inner: DeviceTreeScope

    public var properties: DeviceTreeProperties { DeviceTreeProperties(tree: tree, offset: propertiesOffset) }

    public subscript(name: StaticString) -> DeviceTreeBytes? {
        var properties = properties
        while let property = properties.next() {
            if property.name.isText(name), property.name.count == name.utf8CodeUnitCount { return property.value }
        }
        return nil
    }

    /// Cells of an address and of a size in this node's `reg`, and those it sets for its children.
    public var addressCells: Int { outer.addressCells }
    public var sizeCells: Int { outer.sizeCells }
    public var childAddressCells: Int { inner.addressCells }
    public var childSizeCells: Int { inner.sizeCells }

    public func isCompatible(with text: StaticString) -> Bool { self["compatible"]?.listContains(text) ?? false }
    public func hasType(_ type: StaticString) -> Bool { self["device_type"]?.isText(type) ?? false }
    /// Not marked `status = "disabled"` or the like, nor below a node that is: what is behind a bus that is off is off.
    public var isEnabled: Bool { inner.isEnabled }
    public var phandle: UInt32? { self["phandle"]?.be32(0) }
    public var interruptParent: UInt32 { inner.interruptParent }

    /// Whether the name without its unit address is this.
    public func isNamed(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard name.count >= length, name.count == length || name[length] == UInt8(ascii: "@") else { return false }
        return name.hasPrefix(text)
    }

    /// Region `index` of `reg`: physical address and size in bytes (as the parent's cells say; no `ranges` is applied).
    public func region(_ index: Int = 0) -> (address: UInt64, byteCount: UInt64)? {
        guard let value = self["reg"], index >= 0, index < value.count else { return nil }
        let start = index * 4 * (addressCells + sizeCells)
        guard let address = value.number(start, cells: addressCells),
            start + 4 * (addressCells + sizeCells) <= value.count,
            let size = value.number(start + 4 * addressCells, cells: sizeCells)
        else { return nil }
        return (address, size)
    }

    /// Interrupt `index`: its controller (a phandle) and its first cell, the number; from `interrupts-extended` or
    /// `interrupts`.
    public func interrupt(_ index: Int = 0) -> (parent: UInt32, number: UInt32)? {
        guard index >= 0, index < 65536 else { return nil }
        if let list = self["interrupts-extended"] {
            var offset = 0
            for i in 0...index {
                guard let parent = list.be32(offset), let cells = tree.interruptCells(of: parent) else { return nil }
                if i == index { return list.be32(offset + 4).map { (parent, $0) } }
                offset += 4 + 4 * cells
            }
            return nil
        }
        guard let list = self["interrupts"], let cells = tree.interruptCells(of: interruptParent), cells > 0 else {
            return nil
        }
        return list.be32(4 * cells * index).map { (interruptParent, $0) }
    }
}

/// Walks all nodes: `while let node = walker.next()`.
public struct DeviceTreeWalker {
    /// Deeper trees end the walk; real ones have a handful of levels.
    static var greatestDepth: Int { 16 }

    let tree: DeviceTree
    var offset = 0
    var depth = 0
    var scopes = InlineArray<17, DeviceTreeScope>(repeating: DeviceTreeScope())

    init(_ tree: DeviceTree) { self.tree = tree }

    @inline(never)
    public mutating func next() -> DeviceTreeNode? {
        while let token = tree.structure.be32(offset) {
            switch token {
            case 1: return beginNode()  // FDT_BEGIN_NODE
            case 2:  // FDT_END_NODE
                guard depth > 0 else { return nil }
                depth -= 1
                offset += 4
            case 3:  // FDT_PROP, seen by the node already
                guard let length = tree.structure.be32(offset + 4) else { return nil }
                offset += 12 + (Int(length) + 3) & ~3
            case 4: offset += 4  // FDT_NOP
            default: return nil  // FDT_END, or no token
            }
        }
        return nil
    }

    private mutating func beginNode() -> DeviceTreeNode? {
        guard depth < Self.greatestDepth, let rest = tree.structure.slice(from: offset + 4) else { return nil }
        let name = rest.text
        guard name.count < rest.count else { return nil }  // no NUL
        offset += 4 + (name.count + 4) & ~3
        let outer = scopes[depth]
        var inner = DeviceTreeScope(interruptParent: outer.interruptParent, isEnabled: outer.isEnabled)
        var properties = DeviceTreeProperties(tree: tree, offset: offset)
        while let property = properties.next() {
            if property.name.isText("#address-cells") {
                inner.addressCells = Int(min(property.value.be32(0) ?? 2, 255))
            }
            if property.name.isText("#size-cells") { inner.sizeCells = Int(min(property.value.be32(0) ?? 1, 255)) }
            if property.name.isText("interrupt-parent") { inner.interruptParent = property.value.be32(0) ?? 0 }
            if property.name.isText("status"), !property.value.isText("okay"), !property.value.isText("ok") {
                inner.isEnabled = false
            }
        }
        let node = DeviceTreeNode(
            tree: tree, name: name, depth: depth, propertiesOffset: offset, outer: outer, inner: inner)
        depth += 1
        scopes[depth] = inner
        return node
    }
}
