// The neighbour cache of all interfaces, for ARP and Neighbour Discovery alike (RFC 4861, 5.1; RFC 826; RFC 1122,
// 2.3.2): a hash table of fixed size, and the packets that wait for answers.
//
// Promise: at most one question a second for each neighbour; a bounded number of packets wait for a bounded time.
// Entries without an answer have a small share of their own, of which the oldest leaves first; among the others, the
// stale one that was not used for longest makes room; a reachable neighbour, a gateway and an entry made by hand never
// do. The cache sends nothing itself: it says what is to be sent.

import Storage

/// What to do with a packet for a neighbour.
enum NeighbourAnswer {
    case known(EthernetAddress)
    /// Known, but not confirmed for some time: `use` notes that it is used.
    case stale(Int)
    /// There is no entry: `begin` makes one.
    case unknown
    /// The packet waits at this entry.
    case waits(Int)
    /// The packet waits at this entry, which is new: a question is to be sent.
    case asks(Int)
    /// Every entry is in use.
    case full
}

struct NeighbourCache: ~Copyable {
    private static var capacity: Int { StackLimit.neighbours }
    private static var chainCount: Int { 256 }

    static var memoryNeeded: Int {
        TableMemory.byteCount(NeighbourEntry.self, capacity) + TableMemory.byteCount(Int16.self, chainCount)
    }

    let entries: Table<NeighbourEntry>
    private let chains: Table<Int16>
    private let key: UInt64
    private var firstFree: Int16 = 0
    /// The incomplete entries, by age.
    private var oldest: Int16 = -1
    private var newest: Int16 = -1
    private(set) var incompleteCount = 0
    var permanentCount = 0
    /// Buffers of all packets that wait.
    var waitingCount = 0

    /// - Parameter key: random; a sender that does not know it cannot make entries share one chain.
    init(_ memory: inout TableMemory, key: UInt64) {
        entries = memory.table(Self.capacity) { NeighbourEntry() }
        chains = memory.table(Self.chainCount) { -1 }
        self.key = key
        for i in 0..<Self.capacity { entries[i].next = i + 1 < Self.capacity ? Int16(i + 1) : -1 }
    }

    // MARK: Looking up

    @inline(__always)
    private func chain(_ address: IPAddress, _ interface: InterfaceID) -> Int {
        Int(truncatingIfNeeded: address.hash(key ^ UInt64(interface.rawValue)) >> 56)
    }

    /// The entry of an address; nil when there is none.
    @inline(__always)
    func find(_ address: IPAddress, on interface: InterfaceID) -> Int? {
        var i = Int(chains[chain(address, interface)])
        while i >= 0 {
            let entry = entries.ref(i)
            if entry.value.address == address, entry.value.interface == interface { return i }
            i = Int(entry.value.next)
        }
        return nil
    }

    /// The neighbour at an index from 0 up to `StackLimit.neighbours`; nil when the entry is free.
    func neighbour(_ index: Int, now: Instant) -> Neighbour? {
        guard index >= 0, index < Self.capacity, entries[index].isUsed else { return nil }
        let state = entries[index].state(at: now)
        return Neighbour(
            address: entries[index].address, interface: entries[index].interface,
            hardware: state == .incomplete ? nil : entries[index].hardware, state: state,
            reachableUntil: entries[index].reachableUntil)
    }

    /// Where to send a packet for a neighbour.
    @inline(__always)
    func resolve(_ address: IPAddress, on interface: InterfaceID, now: Instant) -> NeighbourAnswer {
        guard let i = find(address, on: interface) else { return .unknown }
        let entry = entries.ref(i)
        entry.value.lastUse = now
        switch entry.value.state(at: now) {
        case .incomplete: return .waits(i)
        case .stale: return .stale(i)
        case .reachable, .delay, .probe, .permanent: return .known(entry.value.hardware)
        }
    }

    /// A stale neighbour is used: unless it is confirmed, it will be asked. Returns its address, which is used
    /// meanwhile.
    mutating func use(_ i: Int, now: Instant, _ timers: inout TimerQueue) -> EthernetAddress {
        entries[i].state = .delay
        timers.set(.neighbour(i), at: now + NeighbourLimit.delayFirstProbe)
        return entries[i].hardware
    }

    /// Makes an entry for an address that has none, where packets can wait.
    @inline(never)
    mutating func begin(
        _ address: IPAddress, on interface: InterfaceID, isGateway: Bool, now: Instant, _ timers: inout TimerQueue
    ) -> NeighbourAnswer {
        if incompleteCount >= StackLimit.incompleteNeighbours, let oldest = oldestIncomplete() {
            remove(oldest, &timers)
        }
        guard incompleteCount < StackLimit.incompleteNeighbours,
            let i = place(now: now, &timers) ?? dropIncomplete(&timers)
        else {
            return .full
        }
        enter(i, address, on: interface, isGateway: isGateway, now: now)
        entries[i].state = .incomplete
        entries[i].questions = 1
        entries[i].quietUntil = now + NeighbourLimit.retransmission
        link(i)
        timers.set(.neighbour(i), at: now + NeighbourLimit.retransmission)
        return .asks(i)
    }

    /// Lets a datagram, perhaps a train, wait at an incomplete entry. Drops those for which there is no more room, the
    /// oldest ones of this entry first, and whole; returns how many.
    mutating func wait(_ packet: consuming Packet, at i: Int) -> Int {
        waitingCount += packet.partCount
        entries[i].waiting.append(packet)
        var dropped = 0
        while entries[i].waiting.count > NeighbourLimit.waiting || waitingCount > NeighbourLimit.waitingInAll,
            let oldest = entries[i].waiting.removeFirst()
        {
            waitingCount -= oldest.partCount
            dropped += 1
        }
        return dropped
    }

    /// Takes all that waits at an entry.
    mutating func takeWaiting(_ i: Int) -> PacketQueue {
        var waiting = PacketQueue()
        swap(&waiting, &entries[i].waiting)
        var parts = 0
        waiting.forEach { parts += $0.partCount }
        waitingCount -= parts
        return waiting
    }

    /// The next packet that waited for an address and now need not.
    mutating func nextReady(_ i: Int) -> Packet? {
        guard entries[i].state != .incomplete, let packet = entries[i].waiting.removeFirst() else { return nil }
        waitingCount -= packet.partCount
        return packet
    }

    // MARK: Room

    /// A free entry, or that of the stale neighbour that was not used for longest; nil when there is neither.
    mutating func place(now: Instant, _ timers: inout TimerQueue) -> Int? {
        if firstFree >= 0 { return Int(firstFree) }
        var best: Int?
        for i in 0..<Self.capacity where entries[i].state(at: now) == .stale && !entries[i].isGateway {
            if let known = best, entries[known].lastUse <= entries[i].lastUse { continue }
            best = i
        }
        guard let best else { return nil }
        remove(best, &timers)
        return best
    }

    mutating func dropIncomplete(_ timers: inout TimerQueue) -> Int? {
        guard let oldest = oldestIncomplete() else { return nil }
        remove(oldest, &timers)
        return oldest
    }

    /// The incomplete entry that began first, gateways left out.
    private func oldestIncomplete() -> Int? {
        var i = Int(oldest)
        while i >= 0, entries[i].isGateway { i = Int(entries[i].newer) }
        return i >= 0 ? i : nil
    }

    /// Takes the first free entry for an address.
    mutating func enter(_ i: Int, _ address: IPAddress, on interface: InterfaceID, isGateway: Bool, now: Instant) {
        precondition(Int(firstFree) == i, "a neighbour's entry is taken that is not the first free one")
        firstFree = entries[i].next
        let chain = chain(address, interface)
        entries[i].isUsed = true
        entries[i].address = address
        entries[i].interface = interface
        entries[i].isGateway = isGateway
        entries[i].lastUse = now
        entries[i].quietUntil = .start
        entries[i].next = chains[chain]
        chains[chain] = Int16(truncatingIfNeeded: i)
    }

    /// Forgets a neighbour; packets that wait for it are dropped.
    mutating func remove(_ i: Int, _ timers: inout TimerQueue) {
        timers.cancel(.neighbour(i))
        _ = takeWaiting(i)
        if entries[i].state == .incomplete { unlink(i) }
        if entries[i].state == .permanent { permanentCount -= 1 }
        let chain = chain(entries[i].address, entries[i].interface)
        if Int(chains[chain]) == i {
            chains[chain] = entries[i].next
        } else {
            var before = Int(chains[chain])
            while Int(entries[before].next) != i { before = Int(entries[before].next) }
            entries[before].next = entries[i].next
        }
        entries[i].isUsed = false
        entries[i].state = .incomplete
        entries[i].next = firstFree
        firstFree = Int16(truncatingIfNeeded: i)
    }

    /// Puts an entry at the end of the incomplete ones.
    mutating func link(_ i: Int) {
        incompleteCount += 1
        entries[i].older = newest
        entries[i].newer = -1
        if newest >= 0 {
            entries[Int(newest)].newer = Int16(truncatingIfNeeded: i)
        } else {
            oldest = Int16(truncatingIfNeeded: i)
        }
        newest = Int16(truncatingIfNeeded: i)
    }

    mutating func unlink(_ i: Int) {
        incompleteCount -= 1
        let older = entries[i].older, newer = entries[i].newer
        if older >= 0 { entries[Int(older)].newer = newer } else { oldest = newer }
        if newer >= 0 { entries[Int(newer)].older = older } else { newest = older }
    }
}
