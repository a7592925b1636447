// Packets in a row, owned together. A train counts as one packet. The links lie in the packets: no room is needed.

/// A queue of packets; dropping it drops them.
public struct PacketQueue: ~Copyable {
    private var first: PacketBuffer?
    private var last: PacketBuffer?
    /// Packets in the queue.
    public private(set) var count = 0

    public init() {}

    @inline(__always) public var isEmpty: Bool { first == nil }

    public mutating func append(_ packet: consuming Packet) {
        let buffer = packet.release()
        buffer.next = nil
        if let last { last.next = buffer } else { first = buffer }
        last = buffer
        count += 1
    }

    /// Puts a packet before the first one of which `isBehind` is true; at the end when there is none.
    public mutating func insert(_ packet: consuming Packet, beforeFirst isBehind: (borrowing Packet) -> Bool) {
        var before: PacketBuffer?
        var next = first
        while let buffer = next {
            let other = Packet(owning: buffer)
            let stops = isBehind(other)
            _ = other.release()
            if stops { break }
            before = buffer
            next = buffer.next
        }
        let buffer = packet.release()
        buffer.next = next
        if let before { before.next = buffer } else { first = buffer }
        if next == nil { last = buffer }
        count += 1
    }

    public mutating func removeFirst() -> Packet? {
        guard let buffer = first else { return nil }
        first = buffer.next
        if first == nil { last = nil }
        count -= 1
        return Packet(owning: buffer)
    }

    /// All packets as one train, in their order; nil when there are none.
    public consuming func coupled() -> Packet? {
        guard let train = removeFirst() else { return nil }
        var end = train.buffer
        while let next = removeFirst() {
            end = end.last
            end.rest = next.release()
        }
        return train
    }

    /// The parts of a train as packets of their own.
    public init(partsOf train: consuming Packet) {
        var next: PacketBuffer? = train.release()
        while let part = next {
            next = part.rest
            part.rest = nil
            append(Packet(owning: part))
        }
    }

    /// Bytes of the first packet's first buffer; nil when the queue is empty.
    public var firstCount: Int? { first?.count }

    /// Bytes of the first packet; nil when the queue is empty.
    public var firstTotalCount: Int? { first?.totalCount }

    /// Couples the first packet, of which there is one, behind another.
    public mutating func coupleFirst(behind packet: inout Packet) {
        if let next = removeFirst() { packet.append(part: next) }
    }

    /// Puts a packet before all others.
    public mutating func prepend(_ packet: consuming Packet) {
        let buffer = packet.release()
        buffer.next = first
        first = buffer
        if last == nil { last = buffer }
        count += 1
    }

    /// Calls `body` with each packet, the first one first.
    public func forEach(_ body: (borrowing Packet) -> Void) {
        var next = first
        while let buffer = next {
            next = buffer.next
            let packet = Packet(owning: buffer)
            body(packet)
            _ = packet.release()
        }
    }

    /// Calls `body` with the last packet; nil when there is none.
    public func withLast<Result>(_ body: (borrowing Packet) -> Result) -> Result? {
        guard let last else { return nil }
        let packet = Packet(owning: last)
        let result = body(packet)
        _ = packet.release()
        return result
    }

    /// The last packet, to be changed; it stays in the queue, and `restoreLast` gives it back.
    mutating func removeLastForChange() -> Packet? { last.map { Packet(owning: $0) } }
    mutating func restoreLast(_ packet: consuming Packet) { _ = packet.release() }

    public mutating func removeAll() {
        while let packet = removeFirst() { _ = consume packet }
    }

    deinit {
        var next = first
        while let buffer = next {
            next = buffer.next
            _ = Packet(owning: buffer)
        }
    }
}
