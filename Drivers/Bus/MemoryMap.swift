// Which physical memory is free to use: what the device tree's memory nodes name, less what it reserves (Devicetree
// Specification 0.4, 3.4, 3.5 and 5.3).

/// Up to `limit` pieces of memory, whole pages each, none touching another; in no order.
public struct MemoryMap {
    /// Pieces that are kept. When there are more, the smallest are left out.
    public static var limit: Int { 16 }
    private static var pageSize: UInt64 { 4096 }

    private var pieces = [16 of Range<UInt64>](repeating: 0..<0)
    /// Pieces there are.
    public private(set) var count = 0

    public init() {}

    /// All memory that the tree names below an address, reserved or not.
    public init(_ tree: DeviceTree, below limit: UInt64) {
        var index = 0
        while let region = tree.memory(index) {
            index += 1
            let (end, overflow) = region.address.addingReportingOverflow(region.byteCount)
            let bytes = region.address..<max(region.address, overflow ? UInt64.max : end)
            add(bytes.clamped(to: 0..<limit))
        }
    }

    /// Piece number `index`, 0 up to `count`.
    public subscript(index: Int) -> Range<UInt64> { pieces[index] }

    /// Bytes of all pieces.
    public var byteCount: UInt64 {
        var sum: UInt64 = 0
        for i in 0..<count { sum += pieces[i].upperBound - pieces[i].lowerBound }
        return sum
    }

    /// The piece that an address lies in.
    public func piece(at address: UInt64) -> Range<UInt64>? {
        for i in 0..<count where pieces[i].contains(address) { return pieces[i] }
        return nil
    }

    /// Adds the whole pages in a range.
    public mutating func add(_ bytes: Range<UInt64>) {
        var start = Self.ceiling(bytes.lowerBound)
        var end = bytes.upperBound & ~(Self.pageSize - 1)
        guard start < end else { return }
        var i = 0
        while i < count {
            if pieces[i].lowerBound <= end, start <= pieces[i].upperBound {  // one with it
                start = min(start, pieces[i].lowerBound)
                end = max(end, pieces[i].upperBound)
                drop(i)
                i = 0
            } else {
                i += 1
            }
        }
        keep(start..<end)
    }

    /// Takes away all pages that a range touches.
    public mutating func remove(_ bytes: Range<UInt64>) {
        guard !bytes.isEmpty else { return }
        let start = bytes.lowerBound & ~(Self.pageSize - 1)
        let end = Self.ceiling(bytes.upperBound)
        var i = 0
        while i < count {
            let piece = pieces[i]
            guard piece.lowerBound < end, start < piece.upperBound else {
                i += 1
                continue
            }
            drop(i)
            // What is left touches the range no more: it may be looked at again.
            if piece.lowerBound < start { keep(piece.lowerBound..<start) }
            if end < piece.upperBound { keep(end..<piece.upperBound) }
        }
    }

    /// Takes away what the tree reserves: its reservation block, and the regions below /reserved-memory.
    public mutating func removeReserved(of tree: DeviceTree) {
        var index = 0
        while let entry = tree.reservation(index) {
            index += 1
            remove(entry.address, entry.byteCount)
        }
        var isInside = false
        var walker = tree.nodes
        while let node = walker.next() {
            if node.depth <= 1 { isInside = node.depth == 1 && node.isNamed("reserved-memory") }
            guard isInside, node.depth == 2, node.isEnabled else { continue }
            var i = 0
            while let region = node.region(i) {
                i += 1
                remove(region.address, region.byteCount)
            }
        }
    }

    private mutating func remove(_ address: UInt64, _ byteCount: UInt64) {
        let (end, overflow) = address.addingReportingOverflow(byteCount)
        remove(address..<(overflow ? UInt64.max : end))
    }

    private mutating func drop(_ index: Int) {
        count -= 1
        pieces[index] = pieces[count]
    }

    private mutating func keep(_ piece: Range<UInt64>) {
        if count < Self.limit {
            pieces[count] = piece
            count += 1
            return
        }
        var smallest = 0
        for i in 1..<count where pieces[i].count < pieces[smallest].count { smallest = i }
        if pieces[smallest].count < piece.count { pieces[smallest] = piece }
    }

    /// Rounds up to a whole page; the last page of all has no end to round to, and stays.
    private static func ceiling(_ address: UInt64) -> UInt64 {
        let (sum, overflow) = address.addingReportingOverflow(pageSize - 1)
        return (overflow ? UInt64.max : sum) & ~(pageSize - 1)
    }
}
