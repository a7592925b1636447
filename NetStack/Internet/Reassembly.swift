// Putting datagrams together again (RFC 791, 3.2; RFC 815; RFC 1122, 3.3.2), within bounds.
//
// Promise: a datagram is complete when every byte of it came exactly once, or it is dropped: pieces that overlap with
// other content are an attack or a fault, and never mixed (RFC 1858, RFC 5722). At most sixteen datagrams and
// `packetLimit` packets wait, for at most 30 seconds; the one that began first makes room.

import Storage

/// What became of a piece.
enum ReassemblyOutcome: ~Copyable {
    /// Kept, or a copy of what is there.
    case waiting
    /// All pieces as a train, and the header of fragment zero, whose bytes still stand in front of the first.
    case complete(Packet, IPv4Header)
    /// Dropped, with those that waited: so many in all.
    case refused(DropReason, Int)
}

struct ReassemblySlot: ~Copyable {
    var isUsed = false
    /// Of fragment zero once that came, else of the first that did.
    var header = IPv4Header(payloadCount: 0, identification: 0, protocolNumber: 0, source: .any, destination: .any)
    /// In the order of their offsets, without overlaps.
    var pieces = PacketQueue()
    var byteCount = 0
    /// Buffers that the pieces take.
    var packetCount = 0
    /// Bytes of the whole; known when the last fragment came.
    var total: Int?
    var deadline = Instant.start
    /// Where the first piece came in.
    var interface = InterfaceID.loopback

    /// Frees the slot; returns what was in it.
    mutating func empty() -> PacketQueue {
        isUsed = false
        byteCount = 0
        packetCount = 0
        total = nil
        var pieces = PacketQueue()
        swap(&pieces, &self.pieces)
        return pieces
    }

    func isOf(_ other: IPv4Header, _ interface: InterfaceID) -> Bool {
        isUsed && self.interface == interface && header.identification == other.identification
            && header.source == other.source
            && header.destination == other.destination && header.protocolNumber == other.protocolNumber
    }
}

struct Reassembly: ~Copyable {
    static var memoryNeeded: Int { TableMemory.byteCount(ReassemblySlot.self, StackLimit.reassemblies) }
    /// RFC 791 suggests 15 seconds, RFC 1122 60 to 120; Linux keeps 30.
    static var lifetime: Duration { .seconds(30) }

    private let slots: Table<ReassemblySlot>
    let packetLimit: Int
    /// Buffers in all slots.
    private(set) var packetCount = 0
    /// Of the datagram that was completed last: its fragments but the last one that came.
    private(set) var joined = 0
    /// Fragments that made room for others and are not counted yet, by their interface's place.
    private var evicted = InlineArray<5, Int>(repeating: 0)

    init(_ memory: inout TableMemory, packetLimit: Int) {
        slots = memory.table(StackLimit.reassemblies) { ReassemblySlot() }
        self.packetLimit = packetLimit
    }

    /// Takes a fragment: what follows its IPv4 header, no padding.
    mutating func add(
        _ piece: consuming Packet, _ header: IPv4Header, at interface: InterfaceID, now: Instant,
        _ timers: inout TimerQueue
    ) -> ReassemblyOutcome {
        let offset = Int(header.fragment & 0x1fff) * 8
        let pieceCount = piece.totalCount, parts = piece.partCount
        let end = offset + pieceCount
        let isLast = header.fragment & 0x2000 == 0
        guard pieceCount > 0, isLast || pieceCount % 8 == 0, end <= 65_535 - IPv4Header.leastByteCount else {
            return .refused(.ipBadFragment, 1)
        }
        let i = find(header, interface) ?? begin(header, at: interface, now: now, &timers)
        if let total = slots[i].total, isLast ? end != total : end > total { return abandon(i, &timers) }
        let isPoolShort = !piece.mayWait
        _ = piece.move(to: .receiving)  // from the loopback
        piece.offset = offset
        switch slots[i].pieces.insert(piece) {
        case .overlap: return abandon(i, &timers)
        case .duplicate: return .refused(.ipDuplicateFragment, 1)
        case .done: break
        }
        packetCount += parts
        slots[i].packetCount += parts
        slots[i].byteCount += end - offset
        if offset == 0 { slots[i].header = header }
        if isLast {
            // Something lies behind the end; this one is among the pieces.
            guard slots[i].pieces.lastEnd == end else { return abandon(i, &timers, besides: 0) }
            slots[i].total = end
        }
        guard slots[i].byteCount == slots[i].total else {
            makeRoom(besides: i, isPoolShort: isPoolShort, &timers)
            return .waiting
        }
        let first = slots[i].header
        joined = slots[i].pieces.count - 1
        guard let whole = take(i, &timers).coupled() else { return .waiting }
        return .complete(whole, first)
    }

    private func find(_ header: IPv4Header, _ interface: InterfaceID) -> Int? {
        for i in 0..<slots.count where slots[i].isOf(header, interface) { return i }
        return nil
    }

    private mutating func begin(
        _ header: IPv4Header, at interface: InterfaceID, now: Instant, _ timers: inout TimerQueue
    ) -> Int {
        var place = 0
        for i in 0..<slots.count {
            if !slots[i].isUsed {
                place = i
                break
            }
            if slots[i].deadline < slots[place].deadline { place = i }
        }
        evict(place, &timers)
        slots[place].isUsed = true
        slots[place].header = header
        slots[place].deadline = now + Self.lifetime
        slots[place].interface = interface
        timers.set(.reassembly(place), at: slots[place].deadline)
        return place
    }

    /// Empties a slot.
    private mutating func take(_ i: Int, _ timers: inout TimerQueue) -> PacketQueue {
        timers.cancel(.reassembly(i))
        packetCount -= slots[i].packetCount
        return slots[i].empty()
    }

    /// Drops a datagram of which something does not fit, with the fragment that showed it unless that is a piece
    /// already.
    private mutating func abandon(_ i: Int, _ timers: inout TimerQueue, besides: Int = 1) -> ReassemblyOutcome {
        let pieces = take(i, &timers)
        return .refused(.ipBadFragment, pieces.count + besides)
    }

    private mutating func evict(_ i: Int, _ timers: inout TimerQueue) {
        let place = slots[i].interface.place
        let pieces = take(i, &timers)
        evicted[place] += pieces.count
    }

    /// How many fragments of an interface's were evicted since this was asked last.
    mutating func takeEvicted(_ interface: InterfaceID) -> Int {
        defer { evicted[interface.place] = 0 }
        return evicted[interface.place]
    }

    /// Fragments of an interface's that wait for others.
    func waiting(_ interface: InterfaceID) -> Int {
        var count = 0
        for i in 0..<slots.count where slots[i].isUsed && slots[i].interface == interface {
            count += slots[i].pieces.count
        }
        return count
    }

    /// Drops the oldest datagrams while too many packets wait; one when cards need the packets.
    private mutating func makeRoom(besides newest: Int, isPoolShort: Bool, _ timers: inout TimerQueue) {
        var isPoolShort = isPoolShort
        while packetCount > packetLimit || isPoolShort {
            isPoolShort = false
            var oldest: Int?
            for i in 0..<slots.count where slots[i].isUsed && i != newest {
                if let known = oldest, slots[known].deadline <= slots[i].deadline { continue }
                oldest = i
            }
            evict(oldest ?? newest, &timers)
        }
    }

    /// Gives up the datagram of a slot whose timer was due: its fragment zero, if that came, and a header. nil when the
    /// slot is free.
    mutating func expire(_ i: Int) -> ExpiredDatagram? {
        guard slots[i].isUsed else { return nil }
        let header = slots[i].header, interface = slots[i].interface
        packetCount -= slots[i].packetCount
        var pieces = slots[i].empty()
        let count = pieces.count
        let first = pieces.removeFirst()
        return ExpiredDatagram(
            first: header.fragment & 0x1fff == 0 ? first : nil, header: header, interface: interface, count: count)
    }
}

struct ExpiredDatagram: ~Copyable {
    var first: Packet?
    let header: IPv4Header
    let interface: InterfaceID
    /// Fragments that were dropped.
    let count: Int
}

extension Packet {
    /// Where a fragment belongs in its datagram, in bytes.
    fileprivate var offset: Int {
        get { Int(truncatingIfNeeded: self[note: 0]) }
        nonmutating set { self[note: 0] = UInt64(truncatingIfNeeded: newValue) }
    }
}

extension PacketQueue {
    fileprivate enum Insertion { case done, duplicate, overlap }

    /// Where the last piece ends.
    fileprivate var lastEnd: Int { withLast { $0.offset + $0.totalCount } ?? 0 }

    /// Puts a fragment in its place; drops it when that is taken.
    fileprivate mutating func insert(_ piece: consuming Packet) -> Insertion {
        let offset = piece.offset
        let end = offset + piece.totalCount
        if offset >= lastEnd {  // in order, as most are
            append(piece)
            return .done
        }
        var result = Insertion.done
        forEach { other in
            let otherEnd = other.offset + other.totalCount
            if other.offset == offset, otherEnd == end {
                result = .duplicate
            } else if result == .done, other.offset < end, otherEnd > offset {
                result = .overlap
            }
        }
        if result == .done { insert(piece) { $0.offset > offset } }
        return result
    }
}
