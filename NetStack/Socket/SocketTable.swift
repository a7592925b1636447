// All sockets of a stack: numbers, the state behind them, ports and queues.
//
// Promise: a datagram goes to one socket, the one whose addresses fit most closely, or is dropped under a counted
// reason; the users' sockets together hold a limited share of the pool, so that readers that sleep do not stop the
// cards. The stack's own sockets have numbers and queues that no user's socket takes.

import Storage

struct SocketTable: ~Copyable {
    /// Buffers that one socket keeps.
    static var queueLimit: Int { 256 }
    /// Buffers that one of the stack's own sockets keeps.
    static var ownQueueLimit: Int { 8 }

    static func memoryNeeded(sockets: Int) -> Int {
        let count = sockets + StackLimit.ownSockets
        return TableMemory.byteCount(Socket.self, count) + UDPTable.memoryNeeded(users: sockets)
            + TableMemory.byteCount(Int16.self, count) + TableMemory.byteCount(CaptureSocket.self, StackLimit.captures)
            + 2 * PortMap.memoryNeeded(sockets: count)
    }

    /// Numbers of the users' sockets: from 0 up to this. The stack's own come behind.
    let userCount: Int
    /// Of those, the ones in use.
    private(set) var usedCount = 0
    private let sockets: Table<Socket>
    var udp: UDPTable
    let captures: Table<CaptureSocket>
    /// By number: the next closed one; -1 ends the list.
    private let nextClosed: Table<Int16>
    private var firstClosed: Int16 = 0
    var ports: PortMap
    /// Echo sockets, by their identifiers.
    var echoes: PortMap
    var groups = GroupDemand()
    /// What the queues of the users' sockets hold together.
    var share: ReceiveShare

    init(
        _ memory: inout TableMemory, count: Int, packetLimit: Int, pages: TablePages
    ) {
        let all = count + StackLimit.ownSockets
        userCount = count
        sockets = memory.table(all) { .closed }
        udp = UDPTable(&memory, users: count, pages: pages)
        nextClosed = memory.table(all) { -1 }
        captures = memory.table(StackLimit.captures) { CaptureSocket() }
        ports = PortMap(&memory, sockets: all)
        echoes = PortMap(&memory, sockets: all)
        share = ReceiveShare(limit: packetLimit)
        for i in 0..<count { nextClosed[i] = i + 1 < count ? Int16(truncatingIfNeeded: i + 1) : -1 }
        if count == 0 { firstClosed = -1 }
    }

    var count: Int { sockets.count }

    /// `closed` for a number that no socket has.
    subscript(i: Int) -> Socket {
        @inline(__always) get { i >= 0 && i < sockets.count ? sockets[i] : .closed }
    }

    /// The state of a UDP socket; nil for any other.
    @inline(__always)
    func udp(_ i: Int) -> Ref<UDPSocket>? {
        if case .udp(let socket) = self[i] { return socket }
        return nil
    }

    // MARK: Opening and closing

    /// A user's new UDP socket; nil when there are too many.
    mutating func openUDP() -> Int? {
        guard firstClosed < 0 || udp.reach(Int(firstClosed)), let i = takeNumber() else { return nil }
        sockets[i] = .udp(udp.ref(i))
        return i
    }

    /// A user's new echo socket; nil when there are too many.
    mutating func openEcho(_ random: inout RandomGenerator) -> Int? {
        guard let i = openUDP() else { return nil }
        udp.ref(i).value.isEcho = true
        var identifier: UInt16
        repeat { identifier = UInt16(truncatingIfNeeded: random.number()) } while findEcho(identifier) != nil
        udp.ref(i).value.local = Endpoint(IPAddress.unspecified, identifier)
        echoes.insert(i, at: identifier)
        return i
    }

    /// A user's new stream socket with this record; nil when there are too many.
    mutating func openStream(_ record: Int) -> Int? {
        guard let i = takeNumber() else { return nil }
        sockets[i] = .stream(record)
        return i
    }

    /// The state of an echo socket; nil for any other.
    func echo(_ i: Int) -> Ref<UDPSocket>? { udp(i).flatMap { $0.value.isEcho ? $0 : nil } }

    /// The echo socket with this identifier.
    func findEcho(_ identifier: UInt16) -> Int? {
        var i = echoes.first(identifier)
        while i >= 0, udp.ref(i).value.local.port != identifier { i = echoes.next(after: i) }
        return i >= 0 ? i : nil
    }

    /// Opens one of the stack's own UDP sockets, number `own` of them.
    mutating func openOwn(_ own: Int) -> Int {
        let i = userCount + own
        close(i)
        sockets[i] = .udp(udp.ref(i))
        return i
    }

    /// Makes one of the stack's own sockets, number `own` of them, a stream with this record.
    mutating func openOwnStream(_ own: Int, _ record: Int) {
        close(userCount + own)
        sockets[userCount + own] = .stream(record)
    }

    @inline(__always)
    func isOwn(_ i: Int) -> Bool { i >= userCount }

    /// A new socket that shows the wire; nil when there are too many.
    mutating func openCapture() -> Int? {
        for capture in 0..<captures.count where !captures[capture].isOpen {
            guard let i = takeNumber() else { return nil }
            captures[capture].isOpen = true
            captures[capture].number = i
            sockets[i] = .capture(captures.ref(capture))
            return i
        }
        return nil
    }

    private mutating func takeNumber() -> Int? {
        guard firstClosed >= 0 else { return nil }
        let i = Int(firstClosed)
        firstClosed = nextClosed[i]
        usedCount += 1
        return i
    }

    /// Closes a socket; what waits in it is dropped.
    mutating func close(_ i: Int) {
        switch self[i] {
        case .closed: return
        case .stream: break  // the record is the table's of connections
        case .udp(let socket):
            unbind(i)
            empty(&socket.value.received, i)
            socket.value = UDPSocket()
        case .capture(let socket):
            empty(&socket.value.received, i)
            socket.value = CaptureSocket()
        }
        sockets[i] = .closed
        guard !isOwn(i) else { return }
        usedCount -= 1
        nextClosed[i] = firstClosed
        firstClosed = Int16(truncatingIfNeeded: i)
    }

    private mutating func empty(_ queue: inout ReceiveQueue, _ i: Int) {
        if !isOwn(i) { share.giveBack(queue.held) }
        queue.held = 0
        queue.packets.removeAll()
    }

    // MARK: Addresses

    /// An address is no longer ours: the connected sockets that have it report that. Calls `body` with each.
    mutating func lose(_ address: IPAddress, _ body: (Int) -> Void) {
        for i in 0..<udp.userCount where udp.ref(i).value.local.address == address && udp.ref(i).value.peer != nil {
            udp.ref(i).value.pendingError = .notOurAddress
            udp.ref(i).value.errorReporter = .unspecified
            body(i)
        }
    }

    // MARK: Queues

    /// Queues a payload, perhaps a train; gives it back when there is no room.
    @inline(__always)
    mutating func deliver(_ payload: consuming Packet, to i: Int, from source: Endpoint) -> Packet? {
        let socket = udp.ref(i)
        let parts = payload.hasRest ? payload.partCount : 1
        guard payload.mayWait, takeRoom(i, parts, socket.value.received.held) else {
            socket.value.received.dropped &+= 1
            return payload
        }
        _ = payload.move(to: .receiving)  // from the loopback
        payload.source = source
        socket.value.received.packets.append(payload)
        socket.value.received.held += parts
        return nil
    }

    /// Queues a copy of a frame for a capture socket, or drops it when there is no room.
    mutating func deliver(captured frame: consuming Packet, to socket: Ref<CaptureSocket>) {
        guard takeRoom(socket.value.number, 1, socket.value.received.held) else {
            socket.value.received.dropped &+= 1
            return
        }
        socket.value.received.packets.append(frame)
        socket.value.received.held += 1
    }

    @inline(__always)
    private mutating func takeRoom(_ i: Int, _ count: Int, _ held: Int) -> Bool {
        if isOwn(i) { return held + count <= Self.ownQueueLimit }
        return share.take(count, held: held, atMost: Self.queueLimit)
    }

    /// The oldest datagram, or captured frame, in a socket's queue.
    mutating func take(from i: Int) -> Datagram? {
        switch self[i] {
        case .closed, .stream: return nil
        case .udp(let socket):
            guard let packet = take(from: &socket.value.received, i) else { return nil }
            let source = packet.source
            return Datagram(payload: packet, source: source)
        case .capture(let socket):
            guard let packet = take(from: &socket.value.received, i) else { return nil }
            return Datagram(payload: packet, source: .unspecified)
        }
    }

    @inline(__always)
    private mutating func take(from queue: inout ReceiveQueue, _ i: Int) -> Packet? {
        guard let packet = queue.packets.removeFirst() else { return nil }
        let parts = packet.hasRest ? packet.partCount : 1
        queue.held -= parts
        if !isOwn(i) { share.giveBack(parts) }
        return packet
    }

    /// Notes an error (nil: none) about a datagram of ours at the socket that is connected there, and returns that; nil
    /// when there is no such socket.
    mutating func report(
        _ error: SocketError?, by reporter: IPAddress, _ code: UInt16, local port: UInt16, remote: Endpoint
    ) -> Int? {
        var i = ports.first(port)
        while i >= 0 {
            if udp.ref(i).value.local.port == port, let peer = udp.ref(i).value.peer, peer == remote {
                if let error {
                    udp.ref(i).value.pendingError = error
                    udp.ref(i).value.errorReporter = reporter
                    udp.ref(i).value.errorCode = code
                }
                return i
            }
            i = ports.next(after: i)
        }
        return nil
    }
}
