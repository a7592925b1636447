// What runs above the stack under test: an echo request and a name query always under way, sockets read, a datagram
// sent now and then.

import NetStack

struct FuzzProgram {
    private var echo: Int?
    private var query: Int?
    private var turns = 0
    /// Made of what came out of sockets, echoes and queries.
    private(set) var received: UInt64 = 0

    mutating func act(_ stack: inout ReceivePath.Stack, _ sockets: [Int], _ now: Instant) {
        turns += 1
        while stack.takeCompletion() != nil {}
        for socket in sockets { read(&stack, socket) }
        send(&stack, sockets[turns % 2], now)
        if let slot = echo, stack.takeEcho(slot) != nil {
            received &+= 1
            echo = nil
        }
        if echo == nil {
            // Every third is larger than a frame.
            echo = try? stack.startEcho(
                to: IPAddress(IPv4Address(10, 0, 2, 2)), payloadCount: turns % 3 == 2 ? 3000 : 56,
                sequence: UInt16(truncatingIfNeeded: turns),
                timeout: .seconds(2), now: now)
        }
        if let number = query, let result = stack.takeQuery(number) {
            received &+= UInt64(result.addresses.count)
            query = nil
        }
        if query == nil {
            let name = Array("host.example.com".utf8)
            query = try? unsafe stack.startQuery(name.span.bytes, now: now)  // bytes have no padding
        }
    }

    private mutating func read(_ stack: inout ReceivePath.Stack, _ socket: Int) {
        while stack.readiness(socket).contains(.readable) {
            do {
                guard let datagram = try stack.receive(from: socket) else { return }
                received &+= UInt64(datagram.payload.totalCount)
            } catch {
                received &+= 1
            }
        }
    }

    private func send(_ stack: inout ReceivePath.Stack, _ socket: Int, _ now: Instant) {
        guard let packet = stack.pool.packet([UInt8](repeating: 0x61, count: 40)) else { return }
        try? stack.send(packet, from: socket, to: Endpoint(IPv4Address(10, 0, 2, 2), 9), now: now)
    }

    mutating func stop(_ stack: inout ReceivePath.Stack, now: Instant) {
        if let echo { stack.cancelEcho(echo) }
        if let query { stack.cancelQuery(query, now: now) }
        echo = nil
        query = nil
    }
}
