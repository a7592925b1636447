// What the tests of the stack share: memory, packets of literal bytes, a card whose wire is an array, randomness from a
// seed.

import Simulator
import Storage
import Testing

@testable import NetStack

/// `#expect` cannot take apart an expression on a noncopyable value; this takes the result alone.
func check(_ condition: Bool, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(condition, comment, sourceLocation: sourceLocation)
}

func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.compactMap { UInt8(String($0), radix: 16) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

func withBytes<Result>(_ bytes: [UInt8], _ body: (RawSpan) -> Result) -> Result {
    unsafe body(bytes.span.bytes)  // called unsafe because other types have padding; these are bytes
}

/// The bytes that an emitter writes over a buffer full of 0x5a.
func emitted(_ count: Int, _ body: (inout MutableRawSpan) -> Void) -> [UInt8] {
    emitted(over: [UInt8](repeating: 0x5a, count: count), body)
}

func emitted(over start: [UInt8], _ body: (inout MutableRawSpan) -> Void) -> [UInt8] {
    var bytes = start
    unsafe bytes.withUnsafeMutableBytes { raw in
        var span = unsafe MutableRawSpan(_unsafeBytes: raw)  // does not outlive the bytes
        body(&span)
    }
    return bytes
}

func copy(_ packet: borrowing Packet) -> [UInt8] {
    var bytes: [UInt8] = []
    packet.forEachPart { part in unsafe part.withUnsafeBytes { unsafe bytes += $0 } }  // copied while the part is there
    return bytes
}

/// A pool of so many packets. Its memory is never given back: packets may outlive everything else in a test.
final class TestPool {
    let pool: PacketPool

    init(_ count: Int = 64) {
        let bytes = (count + 1) * PacketPool.bufferSize
        // never given back
        pool = unsafe PacketPool(memory: .allocate(byteCount: bytes, alignment: 4096), byteCount: bytes)!
    }

    init(_ pool: PacketPool) { self.pool = pool }

    func packet(_ bytes: [UInt8]) -> Packet? {
        guard var packet = pool.take(), packet.resize(to: bytes.count) else { return nil }
        var span = packet.mutableBytes
        for (i, byte) in bytes.enumerated() { span.setByte(byte, i) }
        return packet
    }
}

/// What a `TestCard` is connected to.
final class TestWire {
    var incoming: [[UInt8]] = []
    var outgoing: [[UInt8]] = []
    /// Frames that `transmit` takes until `sent` are collected.
    var ringSize = Int.max
    var capabilities = NetworkCapabilities()
    /// What was left to the card, frame by frame.
    var requests: [OffloadRequest] = []
    /// What it was told to receive with, and whether it can do so.
    var switched: [NetworkCapabilities] = []
    var isSwitchable = true
    var isArmed = false
    var isLinkUp = true
    var isDrainedFirst = false
    /// Called when a frame is taken from the card.
    var frameTaken: () -> Void = {}
    /// What the card was told to let through, in order.
    var filters: [ReceiveFilter] = []
    var flushes = 0
    /// How often an interrupt was asked for that says that there is room.
    var roomRequests = 0
    /// How often what was sent was to be freed.
    var collections = 0
    var whenCollected: () -> Void = {}
    /// Frames that arrive only just before the driver's last look.
    var late: [[UInt8]] = []

    func takeOutgoing() -> [[UInt8]] {
        defer { outgoing = [] }
        return outgoing
    }
}

struct TestCard: NetworkDevice, ~Copyable {
    let wire: TestWire
    let pool: TestPool
    let hardwareAddress: EthernetAddress
    var mtu: Int { 1500 }
    var capabilities: NetworkCapabilities { wire.capabilities }
    var isLinkUp: Bool { wire.isLinkUp }
    var isDrainedFirst: Bool { wire.isDrainedFirst }
    var patience: UInt64 { .max }

    mutating func transmit(_ frame: consuming LentPacket) -> LentPacket? {
        guard wire.outgoing.count < wire.ringSize else { return frame }
        var bytes: [UInt8] = []
        // Copied while the part is there.
        frame.forEachPart { part in unsafe part.bytes.withUnsafeBytes { unsafe bytes += $0 } }
        if frame.hasOffload, let request = frame.offload { wire.requests.append(request) }
        wire.outgoing += CardOffloads.sent(bytes, frame.hasOffload ? frame.offload : nil)
        return nil
    }
    mutating func receive(with offloads: NetworkCapabilities) -> Bool {
        wire.switched.append(offloads)
        return wire.isSwitchable
    }
    mutating func flush() { wire.flushes += 1 }
    mutating func requestRoomInterrupt() -> Bool {
        wire.roomRequests += 1
        return false
    }
    mutating func collectSent() {
        wire.collections += 1
        wire.whenCollected()
    }
    mutating func receive() -> Packet? {
        guard !wire.incoming.isEmpty else { return nil }
        wire.frameTaken()
        return pool.packet(wire.incoming.removeFirst())
    }
    mutating func reclaim(now: UInt64) {}
    mutating func accept(_ filter: ReceiveFilter) { wire.filters.append(filter) }
    mutating func rearm() -> Bool {
        wire.isArmed = true
        if let frame = wire.late.popLast() { wire.incoming.append(frame) }
        return !wire.incoming.isEmpty
    }
}

typealias TestStack = NetStack<TestCard>

/// The guest of the captures: 10.0.2.15, 52:54:00:73:77:66. Its peer: 10.0.2.2, 52:55:0a:00:02:02.
let guestAddress = IPv4Address(10, 0, 2, 15)
let peerAddress = IPv4Address(10, 0, 2, 2)
let guestHardware = EthernetAddress(0x52, 0x54, 0, 0x73, 0x77, 0x66)
let peerHardware = EthernetAddress(0x52, 0x55, 0x0a, 0, 2, 2)

/// Memory of a table that grows; it is never given back.
/// Pages that are never given back.
var testPages: TablePages {
    unsafe TablePages(unsafe: { _ in .allocate(byteCount: 4096, alignment: 4096) })  // as long as the tests
}

/// A stack with one card, and what is around it.
@safe final class TestHost {
    let pool: TestPool
    let wire = TestWire()
    let tables: UnsafeMutableRawPointer
    var stack: TestStack

    init(
        _ address: IPv4Address = guestAddress, _ hardware: EthernetAddress = guestHardware,
        gateway: IPv4Address? = peerAddress,
        packets: Int = 64, pool: PacketPool? = nil, seed: UInt64 = 0x1234_5678
    ) {
        self.pool = pool.map { TestPool($0) } ?? TestPool(packets)
        unsafe tables = .allocate(byteCount: TestStack.memoryNeeded(sockets: 64), alignment: 16)  // never given back
        stack = unsafe NetStack(
            pool: self.pool.pool, memory: tables, sockets: 64, pages: testPages, random: RandomGenerator(seed: seed))
        _ = stack.addInterface(TestCard(wire: wire, pool: self.pool, hardwareAddress: hardware))
        stack.configure(.card(0), address: address, prefixLength: 24, gateway: gateway)
        stack.timers.cancel(.claim(.card(0)))
        // What it announces by itself is another test's business.
        _ = stack.withInterface(.card(0)) { $0.claim = AddressClaim() }
    }

    /// Delivers frames and returns what goes out.
    func deliver(_ frames: [UInt8]..., at now: Instant = 0) -> [[UInt8]] {
        wire.incoming += frames
        _ = stack.poll(now: now, budget: 1000)
        return wire.takeOutgoing()
    }

    func drops(_ reason: DropReason) -> UInt64 { stack.withInterface(.card(0)) { $0.counters[reason] }! }
    /// Makes a neighbour reachable, as its reply to a question would.
    func learn(_ address: IPv4Address = peerAddress, _ hardware: EthernetAddress = peerHardware, now: Instant = 0) {
        stack.learn(IPAddress(address), hardware, now: now)
    }

    /// Takes all completions.
    func completions() -> [Completion] {
        var all: [Completion] = []
        while let completion = stack.takeCompletion() { all.append(completion) }
        return all
    }

    /// Polls, and returns what completed.
    func completions(at now: Instant) -> [Completion] {
        _ = stack.poll(now: now, budget: 1000)
        return completions()
    }
}

// MARK: Time

/// In tests an instant is written as the time since the start: `9 * second`, or a literal of nanoseconds.
extension Instant: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: UInt64) { self.init(nanoseconds: value) }
}
extension Duration: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: UInt64) { self.init(nanoseconds: value) }
}
/// The stack with addresses of IPv4, as most tests write them.
extension NetStack where Device: ~Copyable {
    mutating func startEcho(
        to destination: IPv4Address, payloadCount: Int, sequence: UInt16, timeout: Duration, now: Instant
    ) throws(EchoError) -> Int {
        try startEcho(
            to: IPAddress(destination), payloadCount: payloadCount, sequence: sequence, timeout: timeout, now: now)
    }
    mutating func addRoute(to destination: IPv4Address, prefixLength: Int, gateway: IPv4Address?, interface: Int?)
        throws(RouteError)
    {
        try addRoute(
            to: IPAddress(destination), prefixLength: 96 + prefixLength,
            gateway: gateway.map { IPAddress($0) } ?? .unspecified,
            interface: interface.map { .card($0) })
    }
    mutating func removeRoute(to destination: IPv4Address, prefixLength: Int, interface: Int?) throws(RouteError) {
        try removeRoute(
            to: IPAddress(destination), prefixLength: 96 + prefixLength, interface: interface.map { .card($0) })
    }
    mutating func learn(_ address: IPAddress, _ hardware: EthernetAddress, now: Instant) {
        if neighbours.find(address, on: .card(0)) == nil {
            let isGateway = routes.isGateway(address, on: .card(0))
            _ = neighbours.begin(address, on: .card(0), isGateway: isGateway, now: now, &timers)
        }
        _ = neighbours.hearReply(address, hardware, on: .card(0), now: now, &timers)
        guard let i = neighbours.find(address, on: .card(0)) else { return }
        neighbours.entries[i].reachableUntil = now + NeighbourLimit.reachableTime
        neighbours.entries[i].quietUntil = .start  // no question was sent
    }
    mutating func closeSocket(_ i: Int) { closeSocket(i, now: .start) }
    mutating func connectSocket(_ i: Int, to peer: Endpoint) throws(SocketError) {
        try connectSocket(i, to: peer, now: .start)
    }
    func isReadable(_ socket: Int) -> Bool { readiness(socket).contains(.readable) }
    /// The hardware address of a neighbour on the first card, as the cache has it.
    func hardware(of neighbour: IPv4Address) -> EthernetAddress? {
        guard let i = neighbours.find(IPAddress(neighbour), on: .card(0)), entries(i) != .incomplete else { return nil }
        return neighbours.entries[i].hardware
    }
    private func entries(_ i: Int) -> NeighbourState { neighbours.entries[i].state }
    /// The state of a neighbour on the first card; nil: there is no entry.
    func state(of neighbour: IPv4Address, now: Instant = 0) -> NeighbourState? {
        neighbours.find(IPAddress(neighbour), on: .card(0)).flatMap { self.neighbour($0, now: now) }?.state
    }
}

let second = Instant(nanoseconds: 1_000_000_000)
let tenth = Instant(nanoseconds: 100_000_000)
func * (count: UInt64, unit: Instant) -> Instant { Instant(nanoseconds: count * unit.nanoseconds) }
func * (count: UInt64, unit: Instant) -> Duration { Duration(nanoseconds: count * unit.nanoseconds) }
func + (a: Instant, b: Instant) -> Instant { Instant(nanoseconds: a.nanoseconds + b.nanoseconds) }
func + (a: Instant, b: UInt64) -> Instant { Instant(nanoseconds: a.nanoseconds + b) }
func - (a: Instant, b: UInt64) -> Instant { Instant(nanoseconds: a.nanoseconds - b) }
func - (a: Instant, b: Instant) -> Instant { Instant(nanoseconds: a.nanoseconds - b.nanoseconds) }
func += (a: inout Instant, b: Instant) { a = a + b }

/// A small repeatable source of randomness (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// Captured between two Linux hosts (6.12), one veth pair.
enum Captured {
    static let arpRequest = hex(
        "ffffffffffff 525400737766 0806 0001080006040001 525400737766 0a00020f 000000000000 0a000202")
    static let arpReply = hex(
        "525400737766 52550a000202 0806 0001080006040002 52550a000202 0a000202 525400737766 0a00020f")
    static let echoRequest = hex(
        """
        52550a000202 525400737766 0800 4500005414d1400040010dc80a00020f0a000202 0800578726ac0001
        07fd006b00000000ab90070000000000101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637
        """)
    static let echoReply = hex(
        """
        525400737766 52550a000202 0800 45000054333b000040012f5e0a0002020a00020f 00005f8726ac0001
        07fd006b00000000ab90070000000000101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637
        """)
    static let portUnreachable = hex(
        """
        525400737766 52550a000202 0800 45c0003e333c000040012eb30a0002020a00020f 0303084c00000000
        450000220dc74000401114f40a00020f0a000202988d0009000e183068656c6c6f0a
        """)
}
