// A host of the simulation: a whole NetStack of its own with a small packet pool, and a program on it that pings and
// sends datagrams.

import NetStack
import Storage

/// The memory of a stack's tables that grow.
@safe public final class PageSource {
    private var pages = unsafe [UnsafeMutableRawPointer]()

    public init() {}

    /// Gives pages that live as long as this does.
    public var source: TablePages {
        // Called with this object, which outlives the stack.
        unsafe TablePages(
            unsafe: { unsafe Unmanaged<PageSource>.fromOpaque($0!).takeUnretainedValue().page() },
            context: Unmanaged.passUnretained(self).toOpaque())
    }

    private func page() -> UnsafeMutableRawPointer? {
        let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
        unsafe pages.append(page)
        return unsafe page
    }

    // The stack is gone before.
    deinit { while let page = unsafe pages.popLast() { unsafe page.deallocate() } }
}

/// What is connected to a port of the switch. Called with the virtual time; answers go into `outgoing`.
protocol Station: AnyObject {
    /// Returns whether it has something to send, or wants to be called at another time.
    func receive(_ frame: Frame, now: UInt64) -> Bool
    func wake(now: UInt64)
    /// When it wants to be woken; .max: never.
    var deadline: UInt64 { get }
    func takeOutgoing() -> [Frame]
}

@safe public final class SimulatedHost: Station {
    typealias Stack = NetStack<SimulatedCard>
    static let datagramPort: UInt16 = 4242

    /// Which port of the switch it is on; its card's address follows from it.
    public let number: Int
    let hardware: EthernetAddress
    private let box = CardBox()
    private let memory: UnsafeMutableRawPointer
    private let tables: UnsafeMutableRawPointer
    private let pages = PageSource()
    private let pool: PacketPool
    private let place: UnsafeMutablePointer<Stack>
    private let stack: Ref<Stack>
    private var socket = -1
    /// Nanoseconds from a frame's arrival until the host looks at its card; what comes meanwhile is taken along. 0: at
    /// once.
    private let responseTime: UInt64
    private var looksAt = UInt64.max

    /// The ping that the program is after, until it succeeded.
    private var task: PingTask?
    public private(set) var pingsAnswered = 0
    public private(set) var pingsFailed = 0
    public private(set) var datagramsReceived = 0
    /// Datagrams that were given to the program with another content than was sent.
    public private(set) var datagramsDamaged = 0
    private var datagramsSent: UInt64 = 0
    /// Tells the simulation what is worth a line in the trace.
    var report: (Trace.Step, UInt64, @autoclosure () -> String) -> Void = { _, _, _ in }
    private var lastState = DHCPState.stopped

    private struct PingTask {
        let target: () -> IPv4Address?
        var triesLeft: Int
        var nextTry: UInt64
        var slot: Int?
    }

    init(number: Int, packets: Int, responseTime: UInt64, seed: UInt64) {
        self.number = number
        self.responseTime = responseTime
        hardware = EthernetAddress(
            0x52, 0x54, 1, UInt8(truncatingIfNeeded: number >> 16), UInt8(truncatingIfNeeded: number >> 8),
            UInt8(truncatingIfNeeded: number))
        let byteCount = (packets + 1) * PacketPool.bufferSize
        // Three pieces of memory that live as long as the host: the pool's, the tables', and the stack's own place.
        unsafe memory = .allocate(byteCount: byteCount, alignment: 64)
        pool = unsafe PacketPool(memory: memory, byteCount: byteCount)!
        unsafe tables = .allocate(byteCount: Stack.memoryNeeded(sockets: 64), alignment: 16)
        unsafe place = .allocate(capacity: 1)
        unsafe place.initialize(
            to: Stack(pool: pool, memory: tables, sockets: 64, pages: pages.source, random: RandomGenerator(seed: seed))
        )
        stack = unsafe Ref(unsafe: place)
        _ = stack.value.addInterface(SimulatedCard(box: box, pool: pool, hardwareAddress: hardware))
    }

    deinit {
        // The stack first: its packets go back into that memory.
        unsafe place.deinitialize(count: 1)
        unsafe place.deallocate()
        unsafe memory.deallocate()
        unsafe tables.deallocate()
    }

    // MARK: State

    public var lease: DHCPLease? {
        stack.value.withInterface(.card(0)) { $0.dhcp.state.hasLease ? $0.dhcp.lease : nil } ?? nil
    }
    /// What it uses; nil when none.
    public var address: IPv4Address? {
        guard let address = stack.value.withInterface(.card(0), { $0.address }), address != .any else { return nil }
        return address
    }
    public var arePacketsBack: Bool { pool.freeCount == pool.count }
    /// No share of the pool was ever beyond its limit.
    public private(set) var areSharesKept = true
    public var packetsOut: Int { pool.count - pool.freeCount }
    public var overruns: Int { box.overruns }
    public func drops(_ reason: DropReason) -> UInt64 {
        stack.value.withInterface(.card(0)) { $0.counters[reason] } ?? 0
    }
    public var isPinging: Bool { task != nil }

    // MARK: Station

    var deadline: UInt64 {
        min(looksAt, stack.value.nextDeadline.nanoseconds, task.map { $0.slot == nil ? $0.nextTry : .max } ?? .max)
    }

    func takeOutgoing() -> [Frame] {
        guard !box.outgoing.isEmpty else { return [] }
        defer { box.outgoing.removeAll(keepingCapacity: true) }
        return box.outgoing
    }

    func receive(_ frame: Frame, now: UInt64) -> Bool {
        box.arrive(frame)
        guard responseTime > 0 else {
            wake(now: now)
            return true
        }
        guard looksAt == .max else { return false }
        looksAt = now + responseTime
        return true
    }

    func wake(now: UInt64) {
        looksAt = .max
        let result = stack.value.poll(now: Instant(nanoseconds: now), budget: 64)
        if result.hasMore { looksAt = now + 1 }
        while let completion = stack.value.takeCompletion() {
            switch completion {
            case .lease: reportState()
            case .socket: readDatagrams()
            case .echo, .query, .link, .room, .rings: break
            }
        }
        runPing(now: now)
        for i in 0..<PacketShare.count {
            let share = PacketShare(index: i)
            if pool.held(share) > pool.limit(share) { areSharesKept = false }
        }
    }

    private func reportState() {
        guard let dhcp = stack.value.withInterface(.card(0), { $0.dhcp }) else { return }
        let address = dhcp.lease?.address.bits ?? 0
        report(
            .state, UInt64(address) << 8 | UInt64(dhcp.state.rawValue),
            "\(dhcp.state) \(text(dhcp.lease?.address ?? .any)), \(dhcp.problem)")
    }

    // MARK: The program

    func startDHCP(now: UInt64) { stack.value.startDHCP(.card(0), now: Instant(nanoseconds: now)) }

    /// Pings until there is a reply, one try after another.
    func ping(_ target: @escaping () -> IPv4Address?, tries: Int, now: UInt64) {
        task = PingTask(target: target, triesLeft: tries, nextTry: now)
        runPing(now: now)
    }

    private func runPing(now: UInt64) {
        if let slot = task?.slot, let outcome = stack.value.takeEcho(slot) {
            task?.slot = nil
            if case .reply(let reply) = outcome {
                pingsAnswered += 1
                report(.ping, reply.roundTrip.nanoseconds, "answered after \(reply.roundTrip.nanoseconds / 1000) us")
                task = nil
            } else {
                failedTry("\(outcome)", now: now)
            }
        }
        while let current = task, current.slot == nil, now >= current.nextTry {
            task?.triesLeft -= 1
            guard let address = current.target() else { failedTry("the other has no address", now: now); continue }
            do {
                task?.slot = try stack.value.startEcho(
                    to: IPAddress(address), payloadCount: 56, sequence: UInt16(truncatingIfNeeded: current.triesLeft),
                    timeout: .seconds(1),
                    now: Instant(nanoseconds: now))
            } catch {
                failedTry("\(error)", now: now)
            }
        }
    }

    private func failedTry(_ why: String, now: UInt64) {
        report(.ping, UInt64(task?.triesLeft ?? 0) | 1 << 63, "failed: \(why)")
        task?.nextTry = now + 1_000_000_000
        if let left = task?.triesLeft, left <= 0 {
            pingsFailed += 1
            task = nil
        }
    }

    func openSocket() throws(SocketError) {
        socket = try stack.value.openSocket()
        try stack.value.bindSocket(socket, to: Endpoint(.any, Self.datagramPort))
    }

    /// Closes the socket; what waits for reassembly or a neighbour has its own time.
    func closeSocket() { stack.value.closeSocket(socket, now: .start) }

    /// Sends a datagram whose content follows from its first bytes; large ones go in fragments. Errors are the
    /// network's business.
    func sendDatagram(to address: IPv4Address, byteCount: Int, now: UInt64) {
        datagramsSent += 1
        let content = DatagramContent.make(key: UInt64(number) << 32 | datagramsSent, byteCount: byteCount)
        var pieces = PacketQueue()
        var at = 0
        while at < content.count {
            let count = min(
                content.count - at, at == 0 ? FragmentSize.ethernet - UDPHeader.byteCount : FragmentSize.ethernet)
            guard let packet = pool.packet(content[at..<at + count]) else { return }
            pieces.append(packet)
            at += count
        }
        guard let payload = pieces.coupled() else { return }
        try? stack.value.send(
            payload, from: socket, to: Endpoint(address, Self.datagramPort), now: Instant(nanoseconds: now))
    }

    private func readDatagrams() {
        while stack.value.readiness(socket).contains(.readable) {
            // An error that ICMP reported comes out once; then there may be more.
            do {
                guard let datagram = try stack.value.receive(from: socket) else { return }
                var content: [UInt8] = []
                datagram.payload.forEachPart { content += $0.array }
                let isWhole = DatagramContent.isWhole(content)
                datagramsReceived += 1
                if !isWhole { datagramsDamaged += 1 }
                report(.datagram, UInt64(content.count), "\(content.count) bytes\(isWhole ? "" : " DAMAGED")")
            } catch {}
        }
    }
}

/// "10.0.2.15".
public func text(_ address: IPv4Address) -> String {
    (0..<4).map { "\(address.bits >> UInt32(24 - 8 * $0) & 255)" }.joined(separator: ".")
}

/// Datagrams that say themselves what has to be in them: key, length, and bytes that follow from both.
enum DatagramContent {
    static let least = 16

    static func make(key: UInt64, byteCount: Int) -> [UInt8] {
        var random = SeededRandom(seed: key ^ UInt64(byteCount) << 48)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        for number in [key, UInt64(byteCount)] {
            for i in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * i))) }
        }
        while bytes.count < byteCount { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
        return bytes
    }

    static func isWhole(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= least else { return false }
        return make(key: (0..<8).reduce(0) { $0 | UInt64(bytes[$1]) << UInt64(8 * $1) }, byteCount: bytes.count)
            == bytes
    }
}
