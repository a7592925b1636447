// Segments against a live connection, a listener and a closed port, between what a program does: reads, writes, shuts,
// time that passes. The checksums are right: what lies behind them is under test.
//
// What has to hold: nothing traps; what is sent is well formed; and when all is closed and every time is over, no
// connection is left and all packets are back in the pool.

import NetStack

/// The memory of the stack's tables that grow.
@safe final class FuzzPages {
    private var pages = unsafe [UnsafeMutableRawPointer]()

    var source: TablePages {
        // Called with this object, which outlives the stack.
        unsafe TablePages(
            unsafe: { unsafe Unmanaged<FuzzPages>.fromOpaque($0!).takeUnretainedValue().page() },
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

enum Connections {
    typealias Stack = NetStack<FuzzCard>

    private static let packets = 96
    private static let peer = IPv4Address(10, 0, 2, 2)
    private static let own = IPv4Address(10, 0, 2, 15)

    static func run(_ input: [UInt8]) -> UInt64 {
        let poolBytes = (packets + 1) * PacketPool.bufferSize
        let memory = UnsafeMutableRawPointer.allocate(byteCount: poolBytes, alignment: 64)
        let tables = UnsafeMutableRawPointer.allocate(byteCount: Stack.memoryNeeded(sockets: 16), alignment: 16)
        let pages = FuzzPages()
        defer {
            unsafe memory.deallocate()
            unsafe tables.deallocate()
        }
        guard let pool = unsafe PacketPool(memory: memory, byteCount: poolBytes) else { return 0 }
        let sum = unsafe play(input, pool, tables, pages)  // the memory outlives the stack
        precondition(pool.freeCount == pool.count, "packets are missing from the pool")
        return sum
    }

    private static func play(
        _ input: [UInt8], _ pool: PacketPool, _ tables: UnsafeMutableRawPointer, _ pages: FuzzPages
    ) -> UInt64 {
        let cable = FuzzCable()
        var stack = unsafe Stack(
            pool: pool, memory: tables, sockets: 16, pages: pages.source, random: RandomGenerator(seed: 0x5eed))
        _ = stack.addInterface(FuzzCard(cable: cable, pool: pool))
        stack.configure(.card(0), address: own, prefixLength: 24, gateway: peer)
        var program = StreamFuzzProgram(&stack, peer, pool)
        var now = Instant.start
        var reader = Reader(input)
        var sum: UInt64 = 0
        while let step = reader.next() {
            switch step & 15 {
            case 0: now = now + .milliseconds(UInt64(reader.next() ?? 0) * 17)
            case 1: program.write(&stack, Int(reader.next() ?? 0) * 40, now)
            case 2: sum &+= program.read(&stack, Int(reader.next() ?? 0) + 1, now)
            case 3: program.shut(&stack, reader.next() ?? 0, now)
            case 4: program.acceptAll(&stack)
            default:
                cable.incoming = segment(&reader, step, program, stack)
            }
            _ = stack.poll(now: now, budget: 16)
            while stack.takeCompletion() != nil {}
        }
        program.closeAll(&stack, now)
        // Until every time is over.
        for _ in 0..<4000 where stack.nextDeadline != .never {
            now = max(now, stack.nextDeadline)
            _ = stack.poll(now: now, budget: 16)
            if (0..<stack.connectionCount).allSatisfy({ stack.connectionReport($0) == nil }),
                pool.freeCount == pool.count
            {
                break
            }
        }
        for i in 0..<stack.connectionCount {
            precondition(stack.connectionReport(i) == nil, "a connection is left after its end")
        }
        return sum &+ UInt64(cable.framesSent)
    }

    /// A segment near what the stack expects: the input says how near.
    private static func segment(
        _ reader: inout Reader, _ step: UInt8, _ program: StreamFuzzProgram, _ stack: borrowing Stack
    ) -> [UInt8] {
        let isToListener = step & 16 != 0
        let flags = reader.next() ?? 0
        let sequence = UInt32(truncatingIfNeeded: Int(Int8(bitPattern: reader.next() ?? 0)) * (step & 32 != 0 ? 1 : 97))
        let number = UInt32(truncatingIfNeeded: Int(Int8(bitPattern: reader.next() ?? 0)) * (step & 64 != 0 ? 1 : 131))
        let window = UInt16(reader.next() ?? 0) << 8
        let optionCount = min(40, Int(reader.next() ?? 0) & 0x3c)
        let options = reader.take(optionCount)
        let count = Int(reader.next() ?? 0) * 5
        let local = isToListener ? 80 : program.port
        var tcp: [UInt8] = []
        func append(_ value: UInt32, _ bytes: Int) {
            for i in (0..<bytes).reversed() { tcp.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * i))) }
        }
        append(isToListener ? 1000 + UInt32(step >> 5) : 9, 2)
        append(UInt32(local), 2)
        append(program.sequence(isToListener) &+ sequence, 4)
        append(program.acknowledgment(isToListener, stack) &+ number, 4)
        tcp += [UInt8((20 + options.count) / 4) << 4, flags]
        append(UInt32(window), 2)
        append(0, 4)
        tcp += options + [UInt8](repeating: 0x41, count: count)
        return frame(tcp, isMarked: step & 128 != 0)
    }

    private static func frame(_ segment: [UInt8], isMarked: Bool) -> [UInt8] {
        var tcp = segment
        func sum(_ bytes: [UInt8]) -> (UInt8, UInt8) {
            let value = bytes.withBytes { bytes in
                var checksum = Checksum()
                checksum.add(bytes, to: bytes.byteCount)
                return checksum.value
            }
            return (UInt8(value >> 8), UInt8(value & 255))
        }
        let addresses: [UInt8] = [10, 0, 2, 2, 10, 0, 2, 15]
        (tcp[16], tcp[17]) = sum(addresses + [0, 6, UInt8(tcp.count >> 8), UInt8(tcp.count & 255)] + tcp)
        let total = 20 + tcp.count
        var ip: [UInt8] = [0x45, isMarked ? 3 : 0, UInt8(total >> 8), UInt8(total & 255), 0, 0, 0x40, 0, 64, 6, 0, 0]
        ip += addresses
        (ip[10], ip[11]) = sum(ip)
        return [0x52, 0x54, 0, 0x73, 0x77, 0x66, 0x52, 0x55, 0x0a, 0, 2, 2, 8, 0] + ip + tcp
    }
}

/// The input, a byte after the other.
private struct Reader {
    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> UInt8? {
        guard at < bytes.count else { return nil }
        at += 1
        return bytes[at - 1]
    }

    mutating func take(_ count: Int) -> [UInt8] {
        let taken = min(count & ~3, (bytes.count - at) & ~3)
        at += taken
        return Array(bytes[at - taken..<at])
    }
}

/// A program with a connection and a listener.
private struct StreamFuzzProgram {
    private var sockets: [Int] = []
    private var listener = -1
    private let pool: PacketPool
    private(set) var port: UInt16 = 0

    init(_ stack: inout NetStack<FuzzCard>, _ peer: IPv4Address, _ pool: PacketPool) {
        self.pool = pool
        do {
            let socket = try stack.openStream()
            sockets = [socket]
            listener = try stack.openStream()
            try stack.bindSocket(listener, to: Endpoint(.any, 80))
            try stack.listen(listener, backlog: 2)
            try stack.connectSocket(socket, to: Endpoint(peer, 9), now: .start)
            port = stack.localAddress(ofSocket: socket).port
        } catch { preconditionFailure("a fresh stack has no socket for a program") }
    }

    /// What the peer sends from: after the handshake one more.
    func sequence(_ isToListener: Bool) -> UInt32 { isToListener ? 2000 : 5000 }

    /// What this side has sent last, as far as anybody can see it.
    func acknowledgment(_ isToListener: Bool, _ stack: borrowing NetStack<FuzzCard>) -> UInt32 {
        isToListener ? 0 : stack.nextSequence(ofSocket: sockets[0])
    }

    mutating func write(_ stack: inout NetStack<FuzzCard>, _ count: Int, _ now: Instant) {
        guard let socket = sockets.last, let room = try? stack.streamRoom(socket), room.bytes > 0,
            var packet = pool.take(.sending)
        else { return }
        packet.resize(to: TCPLimit.segmentHeadroom)
        packet.trimFront(TCPLimit.segmentHeadroom)
        packet.resize(to: max(1, min(count, room.bytes, room.segment)))
        var queue = PacketQueue()
        queue.append(packet)
        try? stack.sendStream(queue, on: socket, now: now)
    }

    mutating func read(_ stack: inout NetStack<FuzzCard>, _ limit: Int, _ now: Instant) -> UInt64 {
        var sum: UInt64 = 0
        for socket in sockets {
            guard case .data(let packet)? = try? stack.receiveStream(socket, limit: limit, now: now) else { continue }
            sum &+= UInt64(packet.totalCount)
        }
        return sum
    }

    mutating func shut(_ stack: inout NetStack<FuzzCard>, _ how: UInt8, _ now: Instant) {
        guard let socket = sockets.last else { return }
        try? stack.shutdown(socket, receiving: how & 1 != 0, sending: how & 2 != 0, now: now)
        if how & 4 != 0, sockets.count > 1 { stack.closeSocket(sockets.removeLast(), now: now) }
    }

    mutating func acceptAll(_ stack: inout NetStack<FuzzCard>) {
        while sockets.count < 8, let socket = (try? stack.accept(listener)) ?? nil { sockets.append(socket) }
    }

    mutating func closeAll(_ stack: inout NetStack<FuzzCard>, _ now: Instant) {
        for socket in sockets + [listener] { stack.closeSocket(socket, now: now) }
    }
}
