// The stack as one value: cards and the loopback, neighbours, routes, sockets, and their timers. No clock, no globals,
// no hardware; time and randomness are arguments.
//
// Promise: every packet given to it is passed on or dropped under a counted reason. Used under a lock of the caller's,
// in thread context: a thread calls `poll` when a device interrupted or `nextDeadline` has come; system calls call the
// rest. After each call the caller takes the completions (`takeCompletion`) and wakes the threads that wait for them.

import Storage
import Synchronization

@_exported import Packets

/// What `poll` found.
public struct PollResult: Sendable {
    /// The budget ran out: poll again soon; devices are not re-armed.
    public let hasMore: Bool
    /// When to poll even without an interrupt.
    public let nextDeadline: Instant
}

public struct NetStack<Device: NetworkDevice & ~Copyable>: ~Copyable {
    /// Makes the stack a value that is always reached by its address: the compiler would copy a large loadable value
    /// for each borrow.
    private let pin = Atomic<UInt8>(0)

    public let pool: PacketPool
    public let budget: PacketBudget
    let interfaces: Table<NetworkInterface>
    var devices: DeviceTable<Device>
    /// By card.
    let backlogs: Table<Backlog>
    /// A caller waits for packets that the cards have.
    var awaitsPackets = false
    var loopback = PacketQueue()
    /// Some socket shows the wire.
    var isCapturing = false
    /// By place in the groups of sockets: what is to be said, and of which group.
    var groupReports = InlineArray<8, GroupReport>(repeating: GroupReport())
    var groupAddresses = InlineArray<8, IPv4Address>(repeating: .any)
    /// What the cards let through.
    var filter = ReceiveFilter()
    public internal(set) var routes: RouteTable
    var neighbours: NeighbourCache
    var pathMTUs: PathMTUTable
    var reassembly: Reassembly
    var resolver: Resolver
    var echoes: EchoTable
    var sockets: SocketTable
    var tcp: TCPTable
    var timers: TimerQueue
    var completions: CompletionList
    var errorLimiter = ErrorLimiter()
    var identifications: Identifications
    /// Every field on the wire that must not be guessed draws from it anew.
    var random: RandomGenerator

    /// Bytes of memory that `init` takes for the tables.
    public static func memoryNeeded(sockets: Int) -> Int {
        TableMemory.byteCount(NetworkInterface.self, StackLimit.interfaces) + DeviceTable<Device>.memoryNeeded
            + TableMemory.byteCount(Backlog.self, StackLimit.cards) + StackLimit.cards * Backlog.memoryNeeded
            + RouteTable.memoryNeeded
            + NeighbourCache.memoryNeeded + PathMTUTable.memoryNeeded + Reassembly.memoryNeeded + Resolver.memoryNeeded
            + EchoTable.memoryNeeded + SocketTable.memoryNeeded(sockets: sockets)
            + TimerQueue.memoryNeeded(connections: TCPTable.limit(sockets: sockets))
            + TCPTable.memoryNeeded(sockets: sockets)
            + Identifications.memoryNeeded + CompletionList.memoryNeeded(sockets: sockets + StackLimit.ownSockets)
    }

    /// - Parameters:
    ///   - pool: where packets come from; also the pool of the devices.
    ///   - memory: `memoryNeeded` bytes, aligned to 16, that live as long as the stack.
    ///   - socketCount: sockets for the users; the stack has its own beside them.
    ///   - pages: what tables grow by.
    ///   - random: what identifiers, ports and keys are drawn from; a seed's in tests.
    public init(
        pool: PacketPool, memory: UnsafeMutableRawPointer, sockets socketCount: Int,
        pages: TablePages, random: consuming RandomGenerator
    ) {
        self.pool = pool
        budget = PacketBudget(pool: pool.count)
        budget.divide(pool)
        var random = random
        var memory = unsafe TableMemory(unsafe: memory, byteCount: Self.memoryNeeded(sockets: socketCount))
        interfaces = memory.table(StackLimit.interfaces) {
            NetworkInterface(
                .loopback, hardware: .zero, mtu: Loopback.mtu, capabilities: [], isLinkUp: true,
                random: RandomGenerator(seed: 0))
        }
        devices = DeviceTable(&memory)
        backlogs = memory.tableOfTables(StackLimit.cards) { Backlog(&$0) }
        routes = RouteTable(&memory)
        neighbours = NeighbourCache(&memory, key: random.number())
        pathMTUs = PathMTUTable(&memory)
        reassembly = Reassembly(&memory, packetLimit: budget.reassembly)
        resolver = Resolver(&memory)
        echoes = EchoTable(&memory)
        sockets = SocketTable(&memory, count: socketCount, packetLimit: budget.sockets, pages: pages)
        tcp = TCPTable(&memory, sockets: socketCount, &random, pages: pages)
        timers = TimerQueue(&memory, connections: TCPTable.limit(sockets: socketCount))
        completions = CompletionList(&memory, sockets: socketCount + StackLimit.ownSockets)
        identifications = Identifications(&memory, &random)
        self.random = random
        interfaces[InterfaceID.loopback.place].configure(.loopback, prefixLength: 8, gateway: nil, isProbed: true)
        if let entry = RouteEntry(IPv4Address(127, 0, 0, 0), prefixLength: 8, interface: .loopback) {
            _ = routes.insert(entry)
        }
    }

    deinit {
        for card in 0..<StackLimit.cards { while backlogs[card].removeFirst() != nil {} }
        devices.end()
    }

    // MARK: Running

    /// Drains all receive rings, re-arms their interrupts and looks once more, and serves the timers that are due. Cards
    /// with little memory come first; each has its part of the budget, so that a flood on one does not starve another.
    /// - Parameter budget: frames to take at most, so that one call is bounded.
    public mutating func poll(now: Instant, budget: Int) -> PollResult {
        var hasMore = false
        let part = devices.count > 1 ? max(1, budget / devices.count) : budget
        for i in 0..<devices.count where devices[i].isDrainedFirst {
            if drain(i, part, now: now) { hasMore = true }
        }
        for i in 0..<devices.count where !devices[i].isDrainedFirst {
            if drain(i, part, now: now) { hasMore = true }
        }
        if tcp.firstStalled >= 0 { resumeStalled(now: now) }
        drainLoopback(now: now)
        if resolver.hasInput { readAnswers(now: now) }
        while let timer = timers.takeDue(now: now) { serve(timer, now: now) }
        flush()
        return PollResult(hasMore: hasMore, nextDeadline: nextDeadline)
    }

    /// Takes frames from a card until it has no more. True when the budget ran out first.
    private mutating func drain(_ i: Int, _ budget: Int, now: Instant) -> Bool {
        var left = budget
        let id = InterfaceID.card(i)
        var hasMore = false
        devices[i].reclaim(now: now.nanoseconds)
        noticeLink(id, now: now)
        if awaitsPackets {
            awaitsPackets = false
            devices[i].collectSent()
            completions.append(.room(id))
        }
        if interfaces[id.place].ringsAwaitRoom {
            interfaces[id.place].ringsAwaitRoom = false
            completions.append(.rings(id))
        }
        if !backlogs[i].isEmpty { drainBacklog(id, now: now) }
        let isServed = interfaces[id.place].isServed(at: now)
        interfaces[id.place].isWatched = !isServed
        repeat {
            if interfaces[id.place].isAside, let count = receiveAside(at: id, atMost: left) { left -= count }
            while left > 0, let frame = devices[i].receive() {
                left -= 1
                input(frame, at: id, now: now)
            }
            if left <= 0 {
                hasMore = true
                break
            }
            devices[i].reclaim(now: now.nanoseconds)
        } while !isServed && devices[i].rearm()
        lookAgain(at: id, nextLook(at: id, now: now))
        return hasMore
    }

    /// Looks at a card at an instant even without an interrupt. A timer that is due earlier stays: when it comes it is
    /// set anew, which is cheaper than to set it with each poll.
    @inline(__always)
    mutating func lookAgain(at id: InterfaceID, _ wanted: Instant) {
        if wanted == .never || wanted < timers.deadline(of: .device(id)) { timers.set(.device(id), at: wanted) }
    }

    /// When a card is to be looked at even without an interrupt.
    func nextLook(at id: InterfaceID, now: Instant) -> Instant {
        let interface = interfaces.ref(id.place)
        if interface.value.isServed(at: now) { return interface.value.servedUntil }
        return now + Duration(nanoseconds: devices[Int(id.rawValue)].patience)
    }

    /// When `poll` has something to do even without an interrupt.
    public var nextDeadline: Instant { resolver.hasInput ? .start : timers.next }

    @inline(never)
    private mutating func serve(_ timer: StackTimer, now: Instant) {
        switch timer {
        case .dhcp(let id): runDHCP(id, now: now)
        case .claim(let id): claimTimer(id, now: now)
        case .device(let id):  // the poll itself has looked at the card
            timers.set(timer, at: nextLook(at: id, now: now))
        case .pathMTU: pathMTUs.expire(now: now, &timers)
        case .reassembly(let slot): reassemblyTimer(slot, now: now)
        case .echo(let slot): echoes.complete(slot, .failed(.timedOut), &timers, &completions)
        case .query(let i): queryTimer(i, now: now)
        case .neighbour(let entry): neighbourTimer(entry, now: now)
        case .group(let place): groupTimer(place, now: now)
        case .timeWait: tcp.timeWaits.expire(now: now, &timers)
        case .halfOpen(let place): halfOpenTimer(place, now: now)
        case .connection(let i): connectionTimer(i, now: now)
        }
    }

    /// Makes the devices work on what was queued.
    mutating func flush() {
        if isCapturing { deliverCaptures() }
        for i in 0..<devices.count { devices[i].flush() }
    }

    /// Takes one frame, from its Ethernet header on.
    @inline(__always)
    mutating func input(_ frame: consuming Packet, at id: InterfaceID, now: Instant) {
        let interface = interfaces.ref(id.place)
        interface.value.counters.packetsIn &+= 1
        interface.value.counters.bytesIn &+= UInt64(frame.totalCount)
        interface.value.capture.note(frame, isOutgoing: false, pool: pool, now: now)
        guard !interface.value.isAside else { return inputAside(frame, at: id) }
        inputFromCard(frame, at: id, now: now)
    }

    /// Takes a frame that is counted, and meant for this stack.
    @inline(__always)
    mutating func inputFromCard(_ frame: consuming Packet, at id: InterfaceID, now: Instant) {
        let interface = interfaces.ref(id.place)
        guard let header = EthernetHeader(parsing: frame.bytes) else { return drop(.frameTooShort, at: id) }
        guard header.destination == interface.value.hardware || header.destination.isMulticast else {
            return drop(.frameNotForUs, at: id)
        }
        frame.trimFront(EthernetHeader.byteCount)
        switch header.type {
        case EtherType.ipv4:
            inputIPv4(
                frame, Arrival(station: header.source, interface: id, isToGroup: header.destination.isMulticast),
                now: now)
        case EtherType.arp: inputARP(frame, at: id, now: now)
        case EtherType.vlan: inputTagged(frame, header, at: id, now: now)
        default: drop(.unknownEtherType, at: id)
        }
    }

    /// Takes a frame from its 802.1Q tag on: one of VLAN 0 has a priority and is like one without a tag (IEEE 802.1Q,
    /// 6.9); others are for interfaces that this host does not have.
    @inline(never)
    private mutating func inputTagged(
        _ frame: consuming Packet, _ header: EthernetHeader, at id: InterfaceID, now: Instant
    ) {
        guard frame.count >= 4 else { return drop(.frameTooShort, at: id) }
        let tag = frame.bytes.be32(0)
        guard tag & 0xfff_0000 == 0 else { return drop(.otherVLAN, at: id) }
        frame.trimFront(4)
        switch UInt16(truncatingIfNeeded: tag) {
        case EtherType.ipv4:
            inputIPv4(
                frame, Arrival(station: header.source, interface: id, isToGroup: header.destination.isMulticast),
                now: now)
        case EtherType.arp: inputARP(frame, at: id, now: now)
        default: drop(.unknownEtherType, at: id)
        }
    }
}
