// Which Ethernet address an IPv4 neighbour has (RFC 826; RFC 1122, 2.3.2): a fixed table with aging, and the packets that wait for answers.
//
// Promise: at most one request a second for each neighbour; a bounded number of packets wait for a bounded time; what was not asked for is
// not learned. The cache sends nothing itself: it says what is to be sent.

/// Times and bounds.
public enum ARPLimit {
    /// How long an answer is believed without a look.
    public static var reachableTime: Duration { .seconds(60) }
    /// Between requests for one neighbour (RFC 1122, 2.3.2.1: at most one a second).
    public static var requestInterval: Duration { .seconds(1) }
    public static var requests: Int { 3 }
    /// Packets that wait for one neighbour: as many as a traceroute sends at once.
    public static var waiting: Int { 16 }
    /// Packets that wait for all of them.
    public static var waitingInAll: Int { 64 }
}

/// One per neighbour.
struct ARPEntry: ~Copyable {
    enum State {
        case free
        /// Asked, not answered; packets wait.
        case incomplete
        /// Confirmed; until `deadline` no question is asked.
        case reachable
        /// Used although its time is over, while we ask again.
        case probing
    }

    var state = State.free
    var requestsSent = 0
    var address = IPv4Address.any
    var hardware = EthernetAddress.zero
    /// Reachable: end of belief. Incomplete and probing: the next request, or giving up.
    var deadline = Instant.start
    var lastUse = Instant.start
    var waiting = PacketQueue()
}

/// A neighbour, as the cache knows it.
public struct Neighbour {
    public let address: IPv4Address
    /// nil: asked, not answered.
    public let hardware: EthernetAddress?
    /// Until when it is believed without asking; `start`: being asked.
    public let expires: Instant
}

/// What to do with a packet for a neighbour.
enum ARPAnswer {
    case known(EthernetAddress)
    /// Send it, and a request too, to this neighbour alone.
    case knownButAsk(EthernetAddress)
    /// Wait; and send a request when this says so.
    case unknown(ask: Bool)
    /// Every entry is busy asking for somebody.
    case full
}

public struct ARPCache: ~Copyable {
    public static var capacity: Int { 32 }

    /// Bytes of memory that `init` wants.
    static var memoryNeeded: Int { MemoryLayout<ARPEntry>.stride * capacity }

    /// In memory of its own: an InlineArray whose elements have a deinit crashes the Embedded compiler.
    let entries: UnsafeMutablePointer<ARPEntry>
    var lastFound = 0
    /// When `tick` is due.
    private(set) var nextDeadline = Instant.never

    init(memory: UnsafeMutableRawPointer) {
        entries = memory.bindMemory(to: ARPEntry.self, capacity: Self.capacity)
        for i in 0..<Self.capacity { (entries + i).initialize(to: ARPEntry()) }
    }

    deinit {
        for i in 0..<Self.capacity { _ = (entries + i).move() }
    }

    @inline(__always)
    mutating func find(_ address: IPv4Address) -> Int? {
        if entries[lastFound].address == address, entries[lastFound].state != .free { return lastFound }
        for i in 0..<Self.capacity where entries[i].address == address && entries[i].state != .free {
            lastFound = i
            return i
        }
        return nil
    }

    /// What the table shows in place `index`, 0 up to `capacity`; nil when it is free.
    public func neighbour(_ index: Int) -> Neighbour? {
        guard index >= 0, index < Self.capacity, entries[index].state != .free else { return nil }
        let entry = entries + index
        let isKnown = entry.pointee.state != .incomplete
        return Neighbour(
            address: entry.pointee.address, hardware: isKnown ? entry.pointee.hardware : nil,
            expires: entry.pointee.state == .reachable ? entry.pointee.deadline : .start)
    }

    /// Forgets a neighbour; packets that wait for it are dropped. False when it is not there.
    public mutating func forget(_ address: IPv4Address) -> Bool {
        guard let i = find(address) else { return false }
        entries[i].waiting.removeAll()
        entries[i].state = .free
        return true
    }

    /// The neighbour's address as the cache has it, without asking.
    public mutating func lookUp(_ address: IPv4Address) -> EthernetAddress? {
        guard let i = find(address), entries[i].state != .incomplete else { return nil }
        return entries[i].hardware
    }

    /// Where to send a packet for a neighbour. Unknown ones get an entry, where packets can wait.
    @inline(__always)
    mutating func resolve(_ address: IPv4Address, now: Instant) -> ARPAnswer {
        guard let i = find(address) else { return begin(address, now: now) }
        entries[i].lastUse = now
        switch entries[i].state {
        case .reachable:
            if now < entries[i].deadline { return .known(entries[i].hardware) }
            entries[i].state = .probing
            ask(i, now: now, count: 1)
            return .knownButAsk(entries[i].hardware)
        case .probing: return .known(entries[i].hardware)
        case .incomplete, .free: return .unknown(ask: false)
        }
    }

    private mutating func begin(_ address: IPv4Address, now: Instant) -> ARPAnswer {
        guard let i = place() else { return .full }
        entries[i].state = .incomplete
        entries[i].address = address
        entries[i].lastUse = now
        ask(i, now: now, count: 1)
        lastFound = i
        return .unknown(ask: true)
    }

    private mutating func ask(_ i: Int, now: Instant, count: Int) {
        entries[i].requestsSent = count
        entries[i].deadline = now + ARPLimit.requestInterval
        nextDeadline = min(nextDeadline, entries[i].deadline)
    }

    /// A free entry, or else the one of the known neighbours that was not used for longest.
    private mutating func place() -> Int? {
        var best: Int?
        for i in 0..<Self.capacity {
            if entries[i].state == .free { return i }
            guard entries[i].state != .incomplete else { continue }
            if let known = best, entries[known].lastUse <= entries[i].lastUse { continue }
            best = i
        }
        return best
    }

    /// Lets a packet wait for an address that `resolve` called unknown. Gives back one for which there is no more room: the oldest.
    mutating func wait(_ packet: consuming Packet, for address: IPv4Address) -> Packet? {
        guard let i = find(address), entries[i].state == .incomplete else { return packet }
        entries[i].waiting.append(packet)
        var inAll = 0
        for other in 0..<Self.capacity { inAll += entries[other].waiting.count }
        let isTooMany = entries[i].waiting.count > ARPLimit.waiting || inAll > ARPLimit.waitingInAll
        return isTooMany ? entries[i].waiting.removeFirst() : nil
    }

    /// Somebody says who has an address. Known neighbours are refreshed; new ones are learned when `mayLearn`.
    /// - Returns: whether it was of use.
    mutating func confirm(_ address: IPv4Address, _ hardware: EthernetAddress, mayLearn: Bool, now: Instant) -> Bool {
        let found: Int?
        if let i = find(address) { found = i } else { found = mayLearn ? place() : nil }
        guard let i = found else { return false }
        if entries[i].address != address || entries[i].state == .free { entries[i].lastUse = now }
        entries[i].address = address
        entries[i].hardware = hardware
        entries[i].state = .reachable
        entries[i].deadline = now + ARPLimit.reachableTime
        return true
    }

    /// The next packet that waited for an address and now need not.
    mutating func nextReady(_ address: IPv4Address) -> Packet? {
        guard let i = find(address), entries[i].state == .reachable else { return nil }
        return entries[i].waiting.removeFirst()
    }

    /// What time brings.
    enum Event: ~Copyable {
        /// Ask again: everybody, or (probing) this neighbour alone.
        case ask(IPv4Address, EthernetAddress?)
        /// Given up; with the packets that waited.
        case failed(IPv4Address, PacketQueue)
    }

    /// The next thing that is due; call until nil.
    mutating func tick(now: Instant) -> Event? {
        guard now >= nextDeadline else { return nil }
        for i in 0..<Self.capacity where entries[i].state == .incomplete || entries[i].state == .probing {
            guard now >= entries[i].deadline else { continue }
            let address = entries[i].address
            if entries[i].requestsSent >= ARPLimit.requests {
                var waiting = PacketQueue()
                swap(&waiting, &entries[i].waiting)
                entries[i].state = .free
                return .failed(address, waiting)
            }
            let neighbour = entries[i].state == .probing ? entries[i].hardware : nil
            ask(i, now: now, count: entries[i].requestsSent + 1)
            return .ask(address, neighbour)
        }
        nextDeadline = .never
        for i in 0..<Self.capacity where entries[i].state == .incomplete || entries[i].state == .probing {
            nextDeadline = min(nextDeadline, entries[i].deadline)
        }
        return nil
    }
}
