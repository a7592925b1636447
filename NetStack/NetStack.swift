// The stack as one value: interfaces, echo requests, loopback. No clock, no globals, no hardware; time and randomness are arguments.
//
// Promise: every packet given to it is passed on or dropped under a counted reason. Used under a lock of the caller's, in thread context:
// a thread calls `poll` when a device interrupted or `nextDeadline` has come; system calls call the rest.

import Synchronization

@_exported import Packets

/// What `poll` found.
public struct PollResult {
    /// The budget ran out: poll again soon; devices are not re-armed.
    public let hasMore: Bool
    /// Echo slots that completed: bit i is slot i, for waking exactly those who wait.
    public let completedEchoes: UInt32
    /// Sockets that became readable: bit i is socket i.
    public let readySockets: UInt64
    /// Interfaces whose DHCP state or lease changed: bit i is interface i.
    public let changedLeases: UInt32
    /// Name queries that ended: bit i is query i.
    public let completedQueries: UInt32
    /// Interfaces whose link went or came: bit i is interface i.
    public let changedLinks: UInt32
    /// When to poll even without an interrupt.
    public let nextDeadline: Instant
}

public struct NetStack<Device: NetworkDevice & ~Copyable>: ~Copyable {
    /// Makes the stack a value that is always reached by its address: the compiler would copy a large loadable value for each borrow.
    private let pin = Atomic<UInt8>(0)

    public static var interfaceLimit: Int { 4 }
    /// Sockets are numbered from 0 up to this.
    public static var socketLimit: Int { SocketTable.capacity }
    /// Slots of echo requests: 0 up to this.
    public static var echoLimit: Int { EchoTable.capacity }
    /// Bytes of memory that `init` wants, for the tables.
    public static var memoryNeeded: Int {
        (MemoryLayout<NetworkInterface<Device>>.stride + ARPCache.memoryNeeded) * interfaceLimit + SocketTable.memoryNeeded
            + Reassembly.memoryNeeded + RouteTable.memoryNeeded + EchoTable.memoryNeeded
            + Resolver.memoryNeeded
    }

    public let pool: PacketPool
    let table: UnsafeMutablePointer<NetworkInterface<Device>>
    public private(set) var interfaceCount = 0
    /// Traffic to ourselves, and what was dropped before an interface was chosen.
    public internal(set) var loopbackCounters = InterfaceCounters()
    var loopback = PacketQueue()
    var loopbackCapture = CaptureQueue(interface: 255)
    /// Somebody looks at the wire.
    var isCapturing = false
    /// What the cards were told to let through.
    var filter = ReceiveFilter()
    public internal(set) var routes: RouteTable
    var pathMTUs = PathMTUTable()
    var reassembly: Reassembly
    var resolver: Resolver
    var echoes: EchoTable
    var sockets: SocketTable
    var errorLimiter = ErrorLimiter()
    var identification: UInt16
    private var random: UInt64
    /// When a device wants to be looked at without an interrupt.
    var deviceDeadline = Instant.never

    /// Where a packet from ourselves came in, as an interface number.
    static var loopbackIndex: Int { -1 }
    static var loopbackLimit: Int { 64 }

    /// - Parameters:
    ///   - pool: where packets come from; also the pool of the devices.
    ///   - memory: `memoryNeeded` bytes, aligned to 16, that live as long as the stack.
    ///   - seed: random; identifiers are made of it.
    public init(pool: PacketPool, memory: UnsafeMutableRawPointer, seed: UInt64) {
        self.pool = pool
        table = memory.bindMemory(to: NetworkInterface<Device>.self, capacity: Self.interfaceLimit)
        var next = UnsafeMutableRawPointer(table + Self.interfaceLimit) + ARPCache.memoryNeeded * Self.interfaceLimit
        sockets = SocketTable(memory: next, poolSize: pool.count, random: seed)
        next += SocketTable.memoryNeeded
        reassembly = Reassembly(memory: next, poolSize: pool.count)
        next += Reassembly.memoryNeeded
        routes = RouteTable(memory: next)
        next += RouteTable.memoryNeeded
        echoes = EchoTable(memory: next, random: seed)
        next += EchoTable.memoryNeeded
        resolver = Resolver(memory: next)
        identification = UInt16(truncatingIfNeeded: seed >> 16)
        random = seed
        if let entry = RouteEntry(IPv4Address(bits: 0x7f00_0000), prefixLength: 8, interface: Self.loopbackIndex) {
            _ = routes.insert(entry)
        }
    }

    deinit {
        for i in 0..<interfaceCount { _ = (table + i).move() }  // deinitialize(count:) crashes the Embedded compiler
    }

    // MARK: Interfaces

    /// Adds a device. Returns the interface's number, nil when there are four already.
    public mutating func addInterface(_ device: consuming Device) -> Int? {
        guard interfaceCount < Self.interfaceLimit else { return nil }
        let afterTable = UnsafeMutableRawPointer(table + Self.interfaceLimit)
        (table + interfaceCount).initialize(
            to: NetworkInterface(
                device, number: interfaceCount, memory: afterTable + interfaceCount * ARPCache.memoryNeeded, random: random))
        _ = nextRandom()
        table[interfaceCount].device.accept(filter)
        interfaceCount += 1
        return interfaceCount - 1
    }

    /// The high half is good enough to be guessed by nobody who does not see the traffic.
    mutating func nextRandom() -> UInt64 {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return random
    }

    /// Gives an interface its address; DHCP then leaves it alone. 0.0.0.0 takes it away.
    public mutating func configure(_ index: Int, address: IPv4Address, prefixLength: Int, gateway: IPv4Address?) {
        guard index >= 0, index < interfaceCount else { return }
        table[index].dhcp.stop()
        assign(index, address, prefixLength: prefixLength, gateway: gateway)
    }

    /// Looks at an interface, or works on its device.
    public mutating func withInterface<Result>(_ index: Int, _ body: (inout NetworkInterface<Device>) -> Result) -> Result? {
        guard index >= 0, index < interfaceCount else { return nil }
        return body(&table[index])
    }

    /// Makes ARP ask anew for a neighbour. False when it does not know it.
    public mutating func forgetNeighbour(_ address: IPv4Address) -> Bool {
        var isGone = false
        for i in 0..<interfaceCount where table[i].neighbours.forget(address) { isGone = true }
        return isGone
    }

    @inline(never)
    mutating func drop(_ reason: DropReason, at interface: Int) {
        if interface >= 0 { table[interface].counters.count(reason) } else { loopbackCounters.count(reason) }
    }

    // MARK: Running

    /// Drains all receive rings, re-arms their interrupts and looks once more, and does what time brings.
    /// - Parameter budget: frames to take at most, so that one call is bounded.
    public mutating func poll(now: Instant, budget: Int) -> PollResult {
        var left = budget
        var hasMore = false
        var changedLinks: UInt32 = 0
        deviceDeadline = .never
        for i in 0..<interfaceCount {
            table[i].device.reclaim(now: now.nanoseconds)
            if table[i].noticesLink(now: now) { changedLinks |= 1 << UInt32(i) }
            repeat {
                while left > 0, let frame = table[i].device.receive() {
                    left -= 1
                    input(frame, at: i, now: now)
                }
                if left <= 0 {
                    hasMore = true
                    break
                }
                table[i].device.reclaim(now: now.nanoseconds)
            } while table[i].device.rearm()
            let patience = table[i].device.patience
            deviceDeadline = min(deviceDeadline, now + Duration(nanoseconds: patience))
        }
        if !loopback.isEmpty { drainLoopback(now: now) }
        tick(now: now)
        flush()
        return PollResult(
            hasMore: hasMore, completedEchoes: takeCompletedEchoes(), readySockets: takeReadySockets(),
            changedLeases: takeChangedLeases(), completedQueries: takeCompletedQueries(),
            changedLinks: changedLinks, nextDeadline: nextDeadline)
    }

    /// When `poll` has something to do even without an interrupt.
    public var nextDeadline: Instant {
        var deadline = min(min(echoes.nextDeadline, deviceDeadline), min(reassembly.nextDeadline, resolver.nextDeadline))
        for i in 0..<interfaceCount { deadline = min(deadline, table[i].nextDeadline, table[i].dhcp.deadline) }
        return deadline
    }

    private mutating func tick(now: Instant) {
        for i in 0..<interfaceCount where table[i].dhcp.isActive { runDHCP(i, now: now) }
        if resolver.busy != 0 { runResolver(now: now) }
        pathMTUs.tick(now: now)
        if now >= nextDeadline { runTimers(now: now) }
    }

    @inline(never)
    private mutating func runTimers(now: Instant) {
        for i in 0..<interfaceCount {
            while let silent = table[i].tick(pool: pool, now: now) {
                echoes.fail(nextHop: silent.address, .hostUnreachable)
                reportUndelivered(silent.packets, at: i)
            }
        }
        echoes.tick(now: now)
        expireFragments(now: now)
    }

    /// Makes the devices work on what was queued.
    mutating func flush() {
        if isCapturing { deliverCaptures() }
        for i in 0..<interfaceCount { table[i].device.flush() }
    }

    mutating func drainLoopback(now: Instant) {
        while let packet = loopback.removeFirst() {
            loopbackCounters.packetsIn &+= 1
            loopbackCounters.bytesIn &+= UInt64(packet.totalCount)
            if isCapturing {
                loopbackCapture.copy(packet, linkHeader: EthernetHeader.byteCount, isOutgoing: false, pool: pool, now: now)
            }
            inputIPv4(packet, at: Self.loopbackIndex, wasBroadcast: false, now: now)
        }
    }

    /// Takes one frame, from its Ethernet header on.
    @inline(__always)
    mutating func input(_ frame: consuming Packet, at i: Int, now: Instant) {
        table[i].counters.packetsIn &+= 1
        table[i].counters.bytesIn &+= UInt64(frame.totalCount)
        table[i].capture.note(frame, isOutgoing: false, pool: pool, now: now)
        guard let header = EthernetHeader(parsing: frame.bytes) else { return drop(.frameTooShort, at: i) }
        guard header.destination == table[i].hardware || header.destination.isMulticast else { return drop(.frameNotForUs, at: i) }
        frame.trimFront(EthernetHeader.byteCount)
        switch header.type {
        case EtherType.ipv4: inputIPv4(frame, at: i, wasBroadcast: header.destination.isMulticast, now: now)
        case EtherType.arp: table[i].inputARP(frame, pool: pool, now: now)
        default: drop(.unknownEtherType, at: i)
        }
    }
}
