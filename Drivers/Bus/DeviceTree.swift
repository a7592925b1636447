// The flattened device tree (Devicetree Specification 0.4, chapter 5), read where it lies.
//
// Promise: no copy, no allocation, no recursion; a corrupt blob ends a walk or a look-up early, it never traps and
// never reads outside the blob. The blob must stay in place for as long as anything made from it lives.

/// Some bytes of the blob, with checked big-endian reads.
@safe
public struct DeviceTreeBytes {
    @unsafe public let pointer: UnsafeRawPointer
    public let count: Int

    /// - Parameter pointer: `count` bytes that can be read, and stay as they are, for as long as this value or one made
    ///   of it lives.
    public init(unsafe pointer: UnsafeRawPointer, count: Int) {
        unsafe self.pointer = pointer
        self.count = count
    }

    public subscript(index: Int) -> UInt8? {
        // checked on the line
        index >= 0 && index < count ? unsafe pointer.load(fromByteOffset: index, as: UInt8.self) : nil
    }

    /// The big-endian 32-bit cell at a byte offset; nil beyond the end.
    public func be32(_ offset: Int) -> UInt32? {
        guard offset >= 0, offset <= count - 4 else { return nil }
        // checked on the line above
        return unsafe UInt32(bigEndian: pointer.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
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
        let end = start + text.utf8CodeUnitCount
        return hasPrefix(text, at: start) && (end == count || self[end] == 0)
    }

    /// Whether this text begins at an offset.
    func hasPrefix(_ text: StaticString, at start: Int = 0) -> Bool {
        let length = text.utf8CodeUnitCount
        guard start >= 0, start <= count, length <= count - start else { return false }
        for i in 0..<length {
            let byte = unsafe text.utf8Start[i]  // in bounds: `length` is the text's own
            if self[start + i] != byte { return false }
        }
        return true
    }

    /// These bytes without what follows the first NUL.
    public var text: DeviceTreeBytes {
        var length = 0
        while length < count, self[length] != 0 { length += 1 }
        return prefix(length)
    }

    public func slice(from offset: Int) -> DeviceTreeBytes? {
        guard offset >= 0, offset <= count else { return nil }
        return unsafe DeviceTreeBytes(unsafe: pointer + offset, count: count - offset)  // checked on the line above
    }

    /// The first bytes, as many of these as there are.
    public func prefix(_ byteCount: Int) -> DeviceTreeBytes {
        unsafe DeviceTreeBytes(unsafe: pointer, count: max(0, min(byteCount, count)))  // a part of these bytes
    }
}

/// One blob.
public struct DeviceTree {
    let structure: DeviceTreeBytes
    let strings: DeviceTreeBytes
    /// The reservation block, and what lies behind it.
    private let reservations: DeviceTreeBytes
    /// Size of the whole blob in bytes, so that the kernel can keep its pages.
    public let byteCount: Int

    /// Byte offsets of struct fdt_header (section 5.2).
    private enum Header {
        static var magic: Int { 0 }
        static var totalSize: Int { 4 }
        static var structureOffset: Int { 8 }
        static var stringsOffset: Int { 12 }
        static var reservationOffset: Int { 16 }
        static var version: Int { 20 }
        static var lastCompatibleVersion: Int { 24 }
        static var stringsSize: Int { 32 }
        static var structureSize: Int { 36 }
        static var byteCount: Int { 40 }
        static var magicValue: UInt32 { 0xd00d_feed }
    }

    /// - Parameter available: bytes that may be read at `pointer`; the blob must fit.
    public init?(_ pointer: UnsafeRawPointer, available: Int) {
        // as promised by the caller
        let header = unsafe DeviceTreeBytes(unsafe: pointer, count: max(0, min(Header.byteCount, available)))
        guard header.be32(Header.magic) == Header.magicValue,
            let total = header.be32(Header.totalSize), let structureOffset = header.be32(Header.structureOffset),
            let stringsOffset = header.be32(Header.stringsOffset),
            let reservationOffset = header.be32(Header.reservationOffset), let version = header.be32(Header.version),
            let compatible = header.be32(Header.lastCompatibleVersion),
            let stringsSize = header.be32(Header.stringsSize),
            let structureSize = header.be32(Header.structureSize), Int(total) <= available, version >= 17,
            compatible <= 17,
            Int(structureOffset) + Int(structureSize) <= Int(total), structureOffset & 3 == 0,
            Int(stringsOffset) + Int(stringsSize) <= Int(total)
        else { return nil }
        byteCount = Int(total)
        let blob = unsafe DeviceTreeBytes(unsafe: pointer, count: Int(total))  // `total` is at most `available`
        guard let structure = blob.slice(from: Int(structureOffset)),
            let strings = blob.slice(from: Int(stringsOffset)),
            let reservations = blob.slice(from: Int(reservationOffset))
        else { return nil }
        self.structure = structure.prefix(Int(structureSize))
        self.strings = strings.prefix(Int(stringsSize))
        self.reservations = reservations
    }

    /// Entry `index` of the reservation block (section 5.3): memory that is not to be used. Nil from the entry of zeros
    /// on that ends it.
    public func reservation(_ index: Int) -> (address: UInt64, byteCount: UInt64)? {
        guard index >= 0, index < reservations.count / 16,
            let address = reservations.number(16 * index, cells: 2),
            let byteCount = reservations.number(16 * index + 8, cells: 2), address | byteCount != 0
        else { return nil }
        return (address, byteCount)
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
            return DeviceTreeProperty(name: name.text, value: rest.prefix(Int(length)))
        }
        return nil
    }
}
