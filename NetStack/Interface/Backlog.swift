// Frames that a card has no room for at the moment. They wait in order and go out as the card sends others: a frame
// that was accepted reaches the card. A program that sends waits before it adds to a backlog (`congestion`), so only
// one datagram and the stack's own replies stand in one.

import Storage

/// The frames that wait for one card.
struct Backlog: ~Copyable {
    /// A ring of this backlog's own.
    private let frames: Table<LentPacket?>
    private var first = 0
    private(set) var count = 0

    static var memoryNeeded: Int { TableMemory.byteCount(LentPacket?.self, StackLimit.backlog) }

    init(_ memory: inout TableMemory) { frames = memory.table(StackLimit.backlog) { nil } }

    @inline(__always) var isEmpty: Bool { count == 0 }
    var isFull: Bool { count == frames.count }

    /// Adds a frame, perhaps a train, behind the others. The backlog is not full.
    mutating func append(_ frame: consuming LentPacket) {
        precondition(!isFull, "a frame was added to a full backlog")
        frames[(first + count) % frames.count] = consume frame
        count += 1
    }

    /// Puts a frame that was taken back in front of the others.
    mutating func putBack(_ frame: consuming LentPacket) {
        precondition(!isFull, "a frame was put back into a full backlog")
        first = (first + frames.count - 1) % frames.count
        frames[first] = consume frame
        count += 1
    }

    mutating func removeFirst() -> LentPacket? {
        guard count > 0 else { return nil }
        let frame = frames[first].take()
        first = (first + 1) % frames.count
        count -= 1
        return frame
    }
}

extension NetStack where Device: ~Copyable {
    /// Gives a frame to a card, at once or when the card has room.
    /// - Returns: false when too many wait: the frame is dropped.
    @inline(__always)
    mutating func hand(_ frame: consuming LentPacket, to id: InterfaceID, now: Instant) -> Bool {
        let card = Int(id.rawValue)
        guard !interfaces[id.place].isAside else { return handAside(frame, to: id) }
        guard backlogs[card].isEmpty else { return queue(frame, id, now: now) }
        guard let refused = devices[card].transmit(frame) else { return true }
        return queue(refused, id, now: now)
    }

    /// The slow path. A card without a link has nothing to wait for.
    @inline(never)
    private mutating func queue(_ frame: consuming LentPacket, _ id: InterfaceID, now: Instant) -> Bool {
        let card = Int(id.rawValue)
        guard devices[card].isLinkUp, !backlogs[card].isFull else { return false }
        let isFirst = backlogs[card].isEmpty
        backlogs[card].append(frame)
        if isFirst { awaitRoom(id, now: now) }
        return true
    }

    /// Asks the card to interrupt when it has room.
    mutating func awaitRoom(_ id: InterfaceID, now: Instant) {
        if devices[Int(id.rawValue)].requestRoomInterrupt() { timers.set(.device(id), at: now) }
    }

    /// Gives the card what waits for it, as far as it has room.
    @inline(never)
    mutating func drainBacklog(_ id: InterfaceID, now: Instant) {
        let card = Int(id.rawValue)
        while let frame = backlogs[card].removeFirst() {
            if let refused = devices[card].transmit(frame) {
                backlogs[card].putBack(refused)
                return awaitRoom(id, now: now)
            }
        }
        completions.append(.room(id))
    }

    /// Drops what waits for a card whose link went.
    mutating func dropBacklog(_ id: InterfaceID) {
        let card = Int(id.rawValue)
        guard !backlogs[card].isEmpty else { return }
        while backlogs[card].removeFirst() != nil { drop(.linkDown, at: id) }
        completions.append(.room(id))
    }

    /// The interface whose card has no room for another datagram to there; nil: it can be sent. A completion says when
    /// there is room.
    @inline(__always)  // without a backlog, one look at each card's
    public mutating func congestion(toward destination: IPAddress) -> InterfaceID? {
        hasBacklog ? congestion(onRouteTo: destination) : nil
    }

    /// The same for a datagram of a socket's.
    /// - Parameter destination: nil for the peer that it is connected to.
    @inline(__always)
    public mutating func congestion(from socket: Int, toward destination: Endpoint?) -> InterfaceID? {
        guard hasBacklog, let peer = destination ?? peerAddress(ofSocket: socket) else { return nil }
        return congestion(onRouteTo: peer.address)
    }

    @inline(__always)
    private var hasBacklog: Bool {
        for card in 0..<devices.count where !backlogs[card].isEmpty { return true }
        return false
    }

    @inline(never)
    private mutating func congestion(onRouteTo destination: IPAddress) -> InterfaceID? {
        guard let route = route(to: destination), !route.interface.isLoopback else { return nil }
        return isCongested(route.interface) ? route.interface : nil
    }

    /// Whether frames wait for the card.
    public func isCongested(_ id: InterfaceID) -> Bool { !backlogs[Int(id.rawValue)].isEmpty }

    /// Frees the packets that the cards have sent, and asks for an interrupt when they have sent more: a caller waits
    /// for packets. A completion, `room`, says when some may be free.
    public mutating func awaitPackets(now: Instant) {
        awaitsPackets = true
        for card in 0..<devices.count {
            devices[card].collectSent()
            awaitRoom(.card(card), now: now)
        }
    }
}
