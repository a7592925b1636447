// The whole receive path: frames at their times into a stack with an address, open sockets, an echo request and a name
// query under way, and a DHCP client at work on a second interface.
//
// What has to hold, whatever comes: nothing traps; what is sent is well formed; a poll never asks to be called again
// for an instant that has passed; and when all is closed and every time is over, all packets are back in the pool.

import NetStack

enum ReceivePath {
    typealias Stack = NetStack<FuzzCard>

    private static let packets = 48

    static func run(_ input: [UInt8]) -> UInt64 {
        let poolBytes = (packets + 1) * PacketPool.bufferSize
        let memory = UnsafeMutableRawPointer.allocate(byteCount: poolBytes, alignment: 64)
        let tables = UnsafeMutableRawPointer.allocate(byteCount: Stack.memoryNeeded(sockets: 64), alignment: 16)
        let pages = FuzzPages()
        defer {
            unsafe memory.deallocate()
            unsafe tables.deallocate()
        }
        guard let pool = unsafe PacketPool(memory: memory, byteCount: poolBytes) else { return 0 }
        let sum = unsafe receive(Capture(input), pool, tables, pages)  // the memory outlives the stack
        precondition(pool.freeCount == pool.count, "packets are missing from the pool")
        return sum
    }

    private static func receive(
        _ capture: Capture, _ pool: PacketPool, _ tables: UnsafeMutableRawPointer, _ pages: FuzzPages
    ) -> UInt64 {
        let cables = [FuzzCable(), FuzzCable()]
        var stack = unsafe Stack(
            pool: pool, memory: tables, sockets: 64, pages: pages.source, random: RandomGenerator(seed: 0x5eed))
        for cable in cables { _ = stack.addInterface(FuzzCard(cable: cable, pool: pool)) }
        stack.configure(
            .card(0), address: IPv4Address(10, 0, 2, 15), prefixLength: 24, gateway: IPv4Address(10, 0, 2, 2))
        stack.startDHCP(.card(1), now: .start)
        let sockets = openSockets(&stack)
        var program = FuzzProgram()

        var capture = capture
        var now = Instant.start
        var last: UInt64?
        while var frame = capture.next() {
            // Time goes on by the difference, forwards; an hour at most, or nothing but leases would ever be tried.
            now = now + min(Duration(nanoseconds: frame.time - min(last ?? frame.time, frame.time)), .seconds(3600))
            last = frame.time
            var interface = Repair.isForDHCPClient(frame.bytes) ? 1 : 0
            if frame.options.contains(.otherInterface) { interface = 1 - interface }
            if !frame.options.contains(.keepsIdentifiers) { cables[interface].questions.fit(&frame.bytes) }
            if !frame.options.contains(.keepsChecksums) { Repair.checksums(&frame.bytes) }
            cables[interface].incoming = frame.bytes
            poll(&stack, now)
            program.act(&stack, sockets, now)
        }
        return program.received &+ end(&stack, sockets, &program, now) &+ UInt64(cables[0].framesSent)
    }

    /// One for datagrams of all peers, one with a peer, one that looks at the wire.
    private static func openSockets(_ stack: inout Stack) -> [Int] {
        do {
            let open = try stack.openSocket(), connected = try stack.openSocket(), capture = try stack.openCapture()
            try stack.bindSocket(open, to: Endpoint(.any, 9))
            stack.setBroadcast(open, allowed: true)
            try stack.connectSocket(connected, to: Endpoint(IPv4Address(10, 0, 2, 2), 9), now: .start)
            return [open, connected, capture]
        } catch {
            preconditionFailure("the sockets do not open")
        }
    }

    /// As the kernel's thread does: again while there is more, and at its deadline.
    private static func poll(_ stack: inout Stack, _ now: Instant) {
        var turns = 0
        repeat {
            turns += 1
            precondition(turns < 200, "poll wants to be called at once, again and again")
            let result = stack.poll(now: now, budget: 16)
            if !result.hasMore, result.nextDeadline > now { return }
        } while true
    }

    /// Closes everything and lets all times pass.
    private static func end(_ stack: inout Stack, _ sockets: [Int], _ program: inout FuzzProgram, _ start: Instant)
        -> UInt64
    {
        program.stop(&stack, now: start)
        for socket in sockets { stack.closeSocket(socket, now: .start) }
        stack.releaseDHCP(.card(1), now: start)
        var now = start
        for _ in 0..<10 {
            now = now + .seconds(10)
            poll(&stack, now)
        }
        precondition(stack.pool.freeCount == stack.pool.count, "packets are kept although nothing is under way")
        return UInt64(stack.interfaceCount)
    }
}
