// A host at one end of the cable: a whole stack, and programs that send and receive streams whose bytes they check.

import NetStack
import Storage

/// A program at one end of a connection.
public final class StreamProgram {
    /// Bytes to send, and those that were given to the stack.
    public let toSend: Int
    public internal(set) var sent = 0
    public internal(set) var received = 0
    /// A byte was not the one that was sent there.
    public internal(set) var isWrong = false
    /// The peer has ended its way.
    public internal(set) var sawEnd = false
    public internal(set) var error: SocketError?
    /// The connection was established.
    public internal(set) var isConnected = false
    public internal(set) var isClosed = false
    var isShut = false
    let seed: UInt64
    let peerSeed: UInt64
    /// Bytes that it reads at a time, and nanoseconds that it waits between reads.
    public var readSize = 16 * 1024
    public var writeSize = 8 * 1024

    init(toSend: Int, seed: UInt64, peerSeed: UInt64) {
        self.toSend = toSend
        self.seed = seed
        self.peerSeed = peerSeed
    }

    /// Nothing is left to do.
    public var isDone: Bool { isClosed || error != nil }

    static func byte(_ seed: UInt64, _ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: (seed &+ UInt64(index)) &* 0x9e37_79b9_7f4a_7c15 >> 56)
    }
}

@safe public final class StreamHost {
    typealias Stack = NetStack<SimulatedCard>

    let hardware: EthernetAddress
    public let address: IPv4Address
    let box = CardBox()
    private let memory: UnsafeMutableRawPointer
    private let tables: UnsafeMutableRawPointer
    private let pages = PageSource()
    let pool: PacketPool
    private let place: UnsafeMutablePointer<Stack>
    let stack: Ref<Stack>
    /// By socket number.
    var programs: [Int: StreamProgram] = [:]
    /// Makes the program of each connection that is accepted.
    var makeProgram: (() -> StreamProgram)?
    private var listener = -1

    init(number: Int, packets: Int, seed: UInt64, offloads: NetworkCapabilities) {
        hardware = EthernetAddress(0x52, 0x54, 2, 0, 0, UInt8(number))
        address = IPv4Address(10, 1, 0, UInt8(number))
        let byteCount = (packets + 1) * PacketPool.bufferSize
        // Three pieces of memory that live as long as the host.
        unsafe memory = .allocate(byteCount: byteCount, alignment: 64)
        pool = unsafe PacketPool(memory: memory, byteCount: byteCount)!
        unsafe tables = .allocate(byteCount: Stack.memoryNeeded(sockets: 64), alignment: 16)
        unsafe place = .allocate(capacity: 1)
        unsafe place.initialize(
            to: Stack(
                pool: pool, memory: tables, sockets: 64, pages: pages.source, random: RandomGenerator(seed: seed)))
        stack = unsafe Ref(unsafe: place)
        _ = stack.value.addInterface(
            SimulatedCard(box: box, pool: pool, hardwareAddress: hardware, capabilities: offloads))
        stack.value.configure(.card(0), address: address, prefixLength: 24, gateway: nil)
    }

    deinit {
        // The stack first: its packets go back into that memory.
        unsafe place.deinitialize(count: 1)
        unsafe place.deallocate()
        unsafe memory.deallocate()
        unsafe tables.deallocate()
    }

    public var packetsOut: Int { pool.count - pool.freeCount }
    /// Connections and sockets that are open.
    public var connections: Int {
        (0..<stack.value.connectionCount).reduce(0) {
            $0 + (stack.value.connectionReport($1).map { $0.info.state == .timeWait ? 0 : 1 } ?? 0)
        }
    }

    public func listen(port: UInt16, _ make: @escaping () -> StreamProgram) throws(SocketError) {
        listener = try stack.value.openStream()
        try stack.value.bindSocket(listener, to: Endpoint(.any, port))
        try stack.value.listen(listener, backlog: 64)
        makeProgram = make
    }

    public func connect(
        to peer: Endpoint, _ program: StreamProgram, algorithm: CongestionAlgorithm = .cubic, now: UInt64
    ) throws(SocketError) {
        let socket = try stack.value.openStream()
        _ = stack.value.setStream(
            socket, .congestion, Int(algorithm.rawValue), now: Instant(nanoseconds: now))
        _ = stack.value.setStream(socket, .keepAlive, 1, now: Instant(nanoseconds: now))
        programs[socket] = program
        try stack.value.connectSocket(socket, to: peer, now: Instant(nanoseconds: now))
    }

    /// Ends all that is still open.
    public func closeAll(now: UInt64) {
        for socket in programs.keys.sorted() { stack.value.closeSocket(socket, now: Instant(nanoseconds: now)) }
        programs = [:]
        if listener >= 0 { stack.value.closeSocket(listener, now: Instant(nanoseconds: now)) }
        listener = -1
    }

    /// All connections, in words.
    public var report: String {
        (0..<stack.value.connectionCount).compactMap { stack.value.connectionReport($0) }.map {
            "\($0.info.state) outstanding \($0.info.outstanding) unsent \($0.info.unsent) lost \($0.info.lost) "
                + "cwnd \($0.info.congestionWindow) phase \($0.info.phase) rto \($0.info.retransmissionTimeout.nanoseconds / 1_000_000) "
                + "window \($0.info.sendWindow) segment \($0.info.segmentSize)"
        }.joined(separator: "; ")
    }

    public func info(_ program: StreamProgram) -> StreamInfo? {
        programs.first { $0.value === program }.flatMap { stack.value.streamInfo($0.key) }
    }

    var deadline: UInt64 { stack.value.nextDeadline.nanoseconds }

    func poll(now: UInt64) {
        repeat {
            let result = stack.value.poll(now: Instant(nanoseconds: now), budget: 1000)
            while let completion = stack.value.takeCompletion() {
                guard case .socket(let socket) = completion else { continue }
                if socket == listener { acceptAll(now: now) } else { run(socket, now: now) }
            }
            guard result.hasMore else { return }
        } while true
    }

    private func acceptAll(now: UInt64) {
        while let socket = (try? stack.value.accept(listener)) ?? nil, let make = makeProgram {
            let program = make()
            program.isConnected = true
            programs[socket] = program
            _ = stack.value.setStream(socket, .keepAlive, 1, now: Instant(nanoseconds: now))
            run(socket, now: now)
        }
    }

    /// Lets a program do what it can.
    func run(_ socket: Int, now nanoseconds: UInt64) {
        guard let program = programs[socket], !program.isDone else { return }
        let now = Instant(nanoseconds: nanoseconds)
        do {
            let readiness = stack.value.readiness(socket)
            if readiness.contains(.error), let error = stack.value.takeStreamError(socket) { throw error }
            try receive(socket, program, now: now)
            try send(socket, program, now: now)
            if program.isShut, program.sawEnd {
                program.isClosed = true
                stack.value.closeSocket(socket, now: now)
                programs[socket] = nil
            }
        } catch let error as SocketError {
            program.error = error
            stack.value.closeSocket(socket, now: now)
            programs[socket] = nil
        } catch {}
    }

    private func receive(_ socket: Int, _ program: StreamProgram, now: Instant) throws {
        while true {
            switch try stack.value.receiveStream(socket, limit: program.readSize, now: now) {
            case .nothing: return
            case .end:
                program.sawEnd = true
                return
            case .data(let packet):
                packet.forEachPart { bytes in
                    for i in 0..<bytes.byteCount {
                        if bytes.byte(i) != StreamProgram.byte(program.peerSeed, program.received + i) {
                            program.isWrong = true
                        }
                    }
                    program.received += bytes.byteCount
                }
            }
        }
    }

    private func send(_ socket: Int, _ program: StreamProgram, now: Instant) throws {
        while program.sent < program.toSend {
            let (room, segment) = try stack.value.streamRoom(socket)
            var left = min(room, program.toSend - program.sent, program.writeSize)
            guard left > 0 else { return }
            program.isConnected = true
            var queue = PacketQueue()
            while left > 0, var packet = pool.take(.sending) {
                let count = min(left, segment)
                packet.resize(to: TCPLimit.segmentHeadroom)
                packet.trimFront(TCPLimit.segmentHeadroom)
                packet.resize(to: count)
                var bytes = packet.mutableBytes
                for i in 0..<count { bytes.setByte(StreamProgram.byte(program.seed, program.sent + i), i) }
                program.sent += count
                left -= count
                queue.append(packet)
            }
            guard !queue.isEmpty else { return stack.value.awaitPackets(now: now) }
            try stack.value.sendStream(queue, on: socket, now: now)
        }
        guard !program.isShut else { return }
        if program.toSend == 0 {
            guard stack.value.readiness(socket).contains(.writable) else { return }
        }
        program.isShut = true
        try stack.value.shutdown(socket, receiving: false, sending: true, now: now)
    }
}
