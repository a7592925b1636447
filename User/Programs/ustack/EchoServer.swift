// The echo service (RFC 862) on the stack's own sockets: datagrams at once, streams as there is room.

import NetStack

struct EchoServer {
    private let datagrams: Int
    private let listener: Int
    /// Connections that are open.
    private var streams: [Int] = []

    init(_ stack: inout NetStack<RingCard>, _ port: UInt16) throws(SocketError) {
        datagrams = try stack.openSocket()
        try stack.bindSocket(datagrams, to: Endpoint(.unspecified, port))
        listener = try stack.openStream()
        try stack.bindSocket(listener, to: Endpoint(.unspecified, port))
        try stack.listen(listener, backlog: 16)
    }

    /// Something may be read from this socket, or written to it.
    mutating func serve(_ socket: Int, of stack: inout NetStack<RingCard>, now: Instant) {
        do throws(SocketError) {
            if socket == datagrams {
                while let datagram = try stack.receive(from: datagrams) {
                    let source = datagram.source
                    try? stack.send(datagram.payload, from: datagrams, to: source, now: now)
                }
            } else if socket == listener {
                while let stream = try stack.accept(listener) {
                    streams.append(stream)
                    serve(stream, of: &stack, now: now)
                }
            } else {
                try echo(socket, of: &stack, now: now)
            }
        } catch {
            if socket != datagrams, socket != listener { close(socket, of: &stack, now: now) }
        }
    }

    private mutating func echo(_ socket: Int, of stack: inout NetStack<RingCard>, now: Instant) throws(SocketError) {
        while true {
            let room = try stack.streamRoom(socket)
            guard room.bytes > 0 else { return }
            switch try stack.receiveStream(socket, limit: min(room.bytes, room.segment), now: now) {
            case .data(let packet):
                var queue = PacketQueue()
                Self.copy(packet, to: &queue, stack.pool)
                try stack.sendStream(queue, on: socket, now: now)
            case .end: return close(socket, of: &stack, now: now)
            case .nothing: return
            }
        }
    }

    /// Each part in a packet with room in front for all headers.
    private static func copy(_ packet: borrowing Packet, to queue: inout PacketQueue, _ pool: PacketPool) {
        packet.forEachPart { part in
            guard var copy = pool.take(.sending), copy.resize(to: TCPLimit.segmentHeadroom),
                copy.trimFront(TCPLimit.segmentHeadroom), copy.resize(to: part.byteCount)
            else { return }
            var bytes = copy.mutableBytes
            for index in 0..<part.byteCount { bytes.setByte(part.byte(index), index) }
            queue.append(copy)
        }
    }

    private mutating func close(_ socket: Int, of stack: inout NetStack<RingCard>, now: Instant) {
        streams.removeAll { $0 == socket }
        stack.closeSocket(socket, now: now)
    }
}
