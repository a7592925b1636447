// Two hosts, a cable with faults between them, and virtual time: the same seed does the same, step by step.

import NetStack

public final class StreamSimulation {
    public private(set) var now: UInt64 = 0
    public let hosts: [StreamHost]
    public var wire: StreamWire
    private var random: SeededRandom
    private var events = EventQueue()
    /// By direction: when the cable is free again, and frames that a burst still loses.
    private var freeAt: [UInt64] = [0, 0]
    private var burstLeft = [0, 0]
    private var wakeTimes: [UInt64] = [.max, .max]
    public private(set) var framesSent = 0
    public private(set) var framesLost = 0
    /// Every frame that was sent, for a capture; kept only when asked for.
    public var capture: [(time: UInt64, bytes: [UInt8])]?

    /// Prints every frame.
    public var isPrinted = false

    public static let second: UInt64 = 1_000_000_000

    /// - Parameter offloads: what the hosts' cards can do.
    public init(
        seed: UInt64, wire: StreamWire, packets: Int = 512, offloads: [NetworkCapabilities] = [[], []]
    ) {
        var random = SeededRandom(seed: seed)
        hosts = (0..<2).map {
            StreamHost(number: $0 + 1, packets: packets, seed: random.next(), offloads: offloads[$0])
        }
        self.wire = wire
        self.random = random
    }

    /// Connects a program on the first host to one on the second.
    public func connect(
        sending first: Int, receiving second: Int, port: UInt16 = 80, algorithm: CongestionAlgorithm = .cubic
    ) throws -> (client: StreamProgram, server: StreamProgram) {
        let seeds = (random.next(), random.next())
        let client = StreamProgram(toSend: first, seed: seeds.0, peerSeed: seeds.1)
        let server = StreamProgram(toSend: second, seed: seeds.1, peerSeed: seeds.0)
        try hosts[1].listen(port: port) { server }
        try hosts[0].connect(
            to: Endpoint(hosts[1].address, port), client, algorithm: algorithm, now: now)
        settle(0)
        return (client, server)
    }

    /// One more connection to the second host; they are told apart by the order in which they are accepted.
    public func connectAnother(
        sending count: Int, algorithm: CongestionAlgorithm
    ) throws -> (client: StreamProgram, server: StreamProgram) {
        let seed = random.next()
        let client = StreamProgram(toSend: count, seed: seed, peerSeed: 0)
        let server = StreamProgram(toSend: 0, seed: 0, peerSeed: seed)
        waiting.append(server)
        if waiting.count == 1 {
            try hosts[1].listen(port: 80) { [unowned self] in
                accepted += 1
                return waiting[accepted - 1]
            }
        }
        try hosts[0].connect(to: Endpoint(hosts[1].address, 80), client, algorithm: algorithm, now: now)
        _ = run(atMost: Self.second / 5) { accepted == waiting.count }
        return (client, server)
    }

    private var waiting: [StreamProgram] = []
    private var accepted = 0

    /// Lets time pass until `isDone`; false when that did not come within `limit` nanoseconds.
    public func run(atMost limit: UInt64, until isDone: () -> Bool) -> Bool {
        let end = now + limit
        for host in 0..<2 { settle(host) }
        while !isDone() {
            guard let next = events.nextTime, next <= end, let (event, frame) = events.removeFirst() else {
                now = end
                return isDone()
            }
            now = event.time
            let port = Int(event.port)
            switch event.kind {
            case .atStation: if let frame { hosts[port].box.arrive(frame) }
            case .wake:
                guard wakeTimes[port] == now else { continue }  // meanwhile it wanted another time
                wakeTimes[port] = .max
            case .atSwitch: continue
            }
            hosts[port].poll(now: now)
            settle(port)
        }
        return true
    }

    /// Takes what a host has sent, and notes when it wants to be woken.
    public func settle(_ port: Int) {
        let outgoing = hosts[port].box.outgoing
        hosts[port].box.outgoing.removeAll(keepingCapacity: true)
        for frame in outgoing { send(frame, from: port) }
        let deadline = max(hosts[port].deadline, now)
        if hosts[port].deadline != .max, deadline < wakeTimes[port] || wakeTimes[port] < now {
            wakeTimes[port] = deadline
            events.schedule(.wake, port: port, at: deadline)
        }
    }

    private func send(_ frame: Frame, from port: Int) {
        framesSent += 1
        if isPrinted { print(now / 1000, port == 0 ? "->" : "<-", frame) }
        capture?.append((now, frame.bytes))
        guard !wire.cut.contains(now) else { return lose() }
        if burstLeft[port] > 0 {
            burstLeft[port] -= 1
            return lose()
        }
        if random.chance(wire.loss) {
            burstLeft[port] = wire.burst - 1
            return lose()
        }
        let isIPv4 = frame.bytes[12] == 8 && frame.bytes[13] == 0
        if isIPv4, now >= wire.shrinksAt, frame.bytes.count - 14 > wire.greatestPacket { return tooLarge(frame, port) }
        var passing = random.chance(wire.corruption) ? frame.damaged(&random) : frame
        let start = max(now, freeAt[port])
        if wire.rate > 0 {
            let waiting = Int((start - now) * wire.rate / 8 / Self.second)
            guard waiting <= wire.queue else { return lose() }
            if isIPv4, waiting > wire.marksAbove, frame.bytes[15] & 3 != 0 { passing = Self.marked(frame) }
            freeAt[port] = start + UInt64(frame.bytes.count) * 8 * Self.second / wire.rate
        }
        let base = (wire.rate > 0 ? freeAt[port] : now) + wire.delay
        events.schedule(.atStation, port: 1 - port, frame: passing, at: base + random.upTo(wire.jitter))
        if random.chance(wire.duplication) {
            events.schedule(
                .atStation, port: 1 - port, frame: passing, at: base + random.upTo(wire.jitter + wire.delay))
        }
    }

    private func lose() {
        framesLost += 1
        if isPrinted { print("        lost") }
    }

    /// A router with a narrow way behind it.
    private func tooLarge(_ frame: Frame, _ port: Int) {
        lose()
        guard !wire.isSilent else { return }
        let header = Array(frame.bytes[14..<34])
        let quoted = Array(frame.bytes[14..<42])
        var icmp: [UInt8] =
            [3, 4, 0, 0, 0, 0, UInt8(wire.greatestPacket >> 8), UInt8(wire.greatestPacket & 255)] + quoted
        let sum = icmp.withBytes { bytes in
            var checksum = Checksum()
            checksum.add(bytes, to: bytes.byteCount)
            return checksum.value
        }
        icmp[2] = UInt8(sum >> 8)
        icmp[3] = UInt8(sum & 255)
        var ip: [UInt8] = [0x45, 0, 0, UInt8(20 + icmp.count), 0, 0, 0, 0, 64, 1, 0, 0]
        ip += header[16..<20] + header[12..<16]  // from the destination itself
        let ipSum = ip.withBytes { bytes in
            var checksum = Checksum()
            checksum.add(bytes, to: bytes.byteCount)
            return checksum.value
        }
        ip[10] = UInt8(ipSum >> 8)
        ip[11] = UInt8(ipSum & 255)
        let bytes = Array(frame.bytes[6..<12]) + Array(frame.bytes[0..<6]) + [8, 0] + ip + icmp
        events.schedule(.atStation, port: port, frame: Frame(bytes), at: now + wire.delay)
    }

    /// The same frame with the mark "congestion experienced" (RFC 3168), and its header's checksum made anew.
    private static func marked(_ frame: Frame) -> Frame {
        var bytes = frame.bytes
        let old = UInt16(bytes[14]) << 8 | UInt16(bytes[15])
        bytes[15] |= 3
        let new = UInt16(bytes[14]) << 8 | UInt16(bytes[15])
        let sum = Checksum.update(UInt16(bytes[24]) << 8 | UInt16(bytes[25]), from: old, to: new)
        bytes[24] = UInt8(sum >> 8)
        bytes[25] = UInt8(sum & 255)
        return Frame(bytes)
    }
}
