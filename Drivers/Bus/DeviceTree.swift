// The flattened device tree (Devicetree Specification 0.4, chapter 5), read where it lies.
//
// Promise: no copy, no allocation, no recursion; a corrupt blob ends a walk or a look-up early, it never traps and never reads outside
// the blob. The blob must stay in place for as long as anything made from it lives.

/// Some bytes of the blob, with checked big-endian reads.
public struct DeviceTreeBytes {
    public let pointer: UnsafeRawPointer
    public let count: Int

    public subscript(index: Int) -> UInt8? {
        index >= 0 && index < count ? pointer.load(fromByteOffset: index, as: UInt8.self) : nil
    }

    /// The big-endian 32-bit cell at a byte offset; nil beyond the end.
    public func be32(_ offset: Int) -> UInt32? {
        guard offset >= 0, offset <= count - 4 else { return nil }
        return UInt32(bigEndian: pointer.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// `cells` 32-bit cells as one number: 0 to 2 of them; the upper ones of more (PCI) are left out by the caller.
    public func number(_ offset: Int, cells: Int) -> UInt64? {
        switch cells {
        case 0: return 0
        case 1: return be32(offset).map { UInt64($0) }
        case 2:
            guard let high = be32(offset), let low = be32(offset + 4) else { return nil }
            return UInt64(high) << 32 | UInt64(low)
        default: return nil
        }
    }

    /// Whether these bytes, up to the first NUL, are this text.
    public func isText(_ text: StaticString) -> Bool { hasText(text, at: 0) }

    /// Whether one of the NUL-separated strings here is this text, as in `compatible`.
    public func listContains(_ text: StaticString) -> Bool {
        var start = 0
        while start < count {
            if hasText(text, at: start) { return true }
            while start < count, self[start] != 0 { start += 1 }
            start += 1
        }
        return false
    }

    private func hasText(_ text: StaticString, at start: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard start + length <= count else { return false }
        for i in 0..<length where self[start + i] != text.utf8Start[i] { return false }
        return start + length == count || self[start + length] == 0
    }

    /// These bytes without what follows the first NUL.
    public var text: DeviceTreeBytes {
        var length = 0
        while length < count, self[length] != 0 { length += 1 }
        return DeviceTreeBytes(pointer: pointer, count: length)
    }

    public func slice(from offset: Int) -> DeviceTreeBytes? {
        guard offset >= 0, offset <= count else { return nil }
        return DeviceTreeBytes(pointer: pointer + offset, count: count - offset)
    }
}

/// One blob.
public struct DeviceTree {
    let structure: DeviceTreeBytes
    let strings: DeviceTreeBytes
    /// Size of the whole blob in bytes, so that the kernel can keep its pages.
    public let byteCount: Int

    /// - Parameter available: bytes that may be read at `pointer`; the blob must fit.
    public init?(_ pointer: UnsafeRawPointer, available: Int) {
        let header = DeviceTreeBytes(pointer: pointer, count: max(0, min(40, available)))
        guard header.be32(0) == 0xd00d_feed,
            let total = header.be32(4), let structureOffset = header.be32(8), let stringsOffset = header.be32(12),
            let version = header.be32(20), let compatible = header.be32(24),
            let stringsSize = header.be32(32), let structureSize = header.be32(36),
            Int(total) <= available, version >= 17, compatible <= 17,
            Int(structureOffset) + Int(structureSize) <= Int(total), structureOffset & 3 == 0,
            Int(stringsOffset) + Int(stringsSize) <= Int(total)
        else { return nil }
        byteCount = Int(total)
        structure = DeviceTreeBytes(pointer: pointer + Int(structureOffset), count: Int(structureSize))
        strings = DeviceTreeBytes(pointer: pointer + Int(stringsOffset), count: Int(stringsSize))
    }

    /// All nodes, in the order of the blob: each before its children.
    public var nodes: DeviceTreeWalker { DeviceTreeWalker(self) }
}

/// A named value of a node.
public struct DeviceTreeProperty {
    public let name: DeviceTreeBytes
    public let value: DeviceTreeBytes
}

/// Properties of one node, in order: `while let property = properties.next()`.
public struct DeviceTreeProperties {
    let tree: DeviceTree
    /// Where the next token is, in the structure block.
    var offset: Int

    public mutating func next() -> DeviceTreeProperty? {
        while let token = tree.structure.be32(offset) {
            if token == 4 {  // FDT_NOP
                offset += 4
                continue
            }
            guard token == 3,  // FDT_PROP
                let length = tree.structure.be32(offset + 4), let nameOffset = tree.structure.be32(offset + 8),
                let name = tree.strings.slice(from: Int(nameOffset)),
                let rest = tree.structure.slice(from: offset + 12), Int(length) <= rest.count
            else { return nil }
            offset += 12 + (Int(length) + 3) & ~3
            return DeviceTreeProperty(name: name.text, value: DeviceTreeBytes(pointer: rest.pointer, count: Int(length)))
        }
        return nil
    }
}
