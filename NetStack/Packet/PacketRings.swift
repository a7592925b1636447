// The rings that one program has, and how frames move between them and packets, or the rings of another program.

public import SystemInterface

/// The rings of one region. The caller holds the lock that guards them, and the region and that of its buffers, as long
/// as it uses this.
public struct PacketRings {
    /// The one that has the buffers.
    private let region: RingRegion
    /// Bytes of a frame at most, its Ethernet header included.
    public let frameLimit: Int
    public private(set) var transmit: PacketRing
    public private(set) var receive: PacketRing
    public private(set) var hostTransmit: PacketRing
    public private(set) var hostReceive: PacketRing

    /// Makes the rings in a region of cleared pages.
    /// - Parameters:
    ///   - request: valid, with no more pages than the region has.
    ///   - lender: the region that has the buffers, as many as the request names; nil: the rings' own.
    public init(_ region: RingRegion, _ request: PacketRingsRequest, buffersOf lender: RingRegion?, frameLimit: Int) {
        self.region = lender ?? region
        self.frameLimit = min(frameLimit, PacketRingLayout.bufferSize)
        var buffer = Int(request.firstBuffer)
        func ring(_ number: PacketRingNumber) -> PacketRing {
            let count = request.slots(number)
            defer { buffer += count }
            return PacketRing(number, of: region, count: count, buffer: buffer)
        }
        transmit = ring(.transmit)
        receive = ring(.receive)
        hostTransmit = ring(.hostTransmit)
        hostReceive = ring(.hostReceive)
    }

    /// Takes the heads of the rings over. False when one is where it may not be; the others are taken.
    public mutating func takeHeads(_ sync: PacketRingSync) -> Bool {
        var areRight = true
        if sync.contains(.transmit) {
            areRight = transmit.takeTransmitHead()
            areRight = hostTransmit.takeTransmitHead() && areRight
        }
        if sync.contains(.receive) {
            areRight = receive.takeReceiveHead() && areRight
            areRight = hostReceive.takeReceiveHead() && areRight
        }
        return areRight
    }

    /// What became of the next frame of a transmit ring.
    public enum Taken: ~Copyable {
        case packet(Packet)
        /// The pool has no packet for it: it stays where it is.
        case noPacket
        /// There is none.
        case nothing
    }

    /// Copies the next frame of the transmit ring into a packet. `pass` says that it is gone.
    @inline(__always)
    public mutating func take(from pool: PacketPool, for share: PacketShare) -> Taken {
        Self.take(&transmit, region, frameLimit, pool, share)
    }

    /// The same for the host's.
    public mutating func takeHost(from pool: PacketPool, for share: PacketShare) -> Taken {
        Self.take(&hostTransmit, region, frameLimit, pool, share)
    }

    /// A copy of the next frame of the transmit ring, to be shown; nil when there is none, or no packet for it.
    public mutating func copyNext(from pool: PacketPool) -> Packet? {
        guard case .packet(let packet) = take(from: pool, for: .receiving) else { return nil }
        return packet
    }

    private static func take(
        _ ring: inout PacketRing, _ region: RingRegion, _ limit: Int, _ pool: PacketPool, _ share: PacketShare
    ) -> Taken {
        guard ring.next != nil else { return .nothing }
        guard var packet = pool.take(share) else { return .noPacket }
        return fill(&packet, &ring, region, limit) ? .packet(packet) : .nothing
    }

    /// Slots of the transmit ring wait.
    @inline(__always)
    public var hasNext: Bool { transmit.first != transmit.end }
    /// The same of the host's.
    public var hasHostNext: Bool { hostTransmit.first != hostTransmit.end }

    /// Copies the next frame of the transmit ring into a packet without bytes; false when there is none.
    @inline(__always)
    public mutating func fill(_ packet: inout Packet) -> Bool { Self.fill(&packet, &transmit, region, frameLimit) }

    @inline(__always)
    private static func fill(
        _ packet: inout Packet, _ ring: inout PacketRing, _ region: RingRegion, _ limit: Int
    ) -> Bool {
        while let slot = ring.next {
            guard let frame = region.frame(slot, limit: limit), packet.resize(to: frame.byteCount) else {
                ring.pass(wasRefused: true)
                continue
            }
            // The packet's bytes: it was just given as many.
            unsafe copyFrame(frame, to: packet.firstByte)
            return true
        }
        return false
    }

    /// Writes the next frame of the transmit ring, behind a header of zeros, over a packet that its device is done with;
    /// `pass` says that it is gone.
    /// - Parameter headerLength: 16 at most.
    /// - Returns: the frame's bytes; nil, and nothing written, when there is none, or when the packet counts to another
    ///   share than that of sending, has an owner, or further buffers.
    @inline(__always)
    public mutating func refill(_ packet: inout LentPacket, headerLength: Int) -> Int? {
        guard packet.isAlone(of: .sending) else { return nil }
        return withNext(upTo: Packet.capacity) { packet.replace(with: $0, headerLength: headerLength) }
    }

    /// Shows the next frame of the transmit ring, which the program may change meanwhile. `pass` says that it is gone.
    /// - Parameter most: bytes of a frame; longer ones are refused.
    /// - Returns: its bytes; nil when there is none.
    @inline(__always)
    public mutating func withNext(upTo most: Int = .max, _ body: (RawSpan) -> Void) -> Int? {
        while let slot = transmit.next {
            if let frame = region.frame(slot, limit: min(frameLimit, most)) {
                body(frame)
                return frame.byteCount
            }
            transmit.pass(wasRefused: true)
        }
        return nil
    }

    /// The frame that was copied has left the transmit ring.
    @inline(__always)
    public mutating func pass() { transmit.pass(wasRefused: false) }
    public mutating func passHost() { hostTransmit.pass(wasRefused: false) }

    /// Drops what is in the transmit ring.
    public mutating func dropTransmit() { transmit.drop() }

    /// Gives the program the slots back that were passed.
    public func publishRoom() {
        transmit.publishRoom()
        hostTransmit.publishRoom()
    }

    /// Frames that the receive ring has room for.
    public var receiveRoom: Int { receive.room }

    /// Copies a frame that came into the receive ring, where `publishReceived` shows it. Counted when there is no room.
    @inline(__always)
    public mutating func put(_ frame: borrowing Packet) {
        guard frame.hasRest else { return put(frame.bytes) }
        guard let buffer = receive.nextBuffer() else { return }
        putTrain(frame, buffer)
    }

    /// The same for a frame in one piece.
    @inline(__always)
    public mutating func put(_ frame: RawSpan) {
        guard let buffer = receive.nextBuffer() else { return }
        guard region.write(frame, to: buffer) else { return receive.refuse() }
        receive.take(buffer, length: frame.byteCount)
    }

    /// Lets the program read what was put into the receive rings.
    @inline(__always)
    public func publishReceived() {
        receive.publishEnd()
        hostReceive.publishEnd()
    }

    /// Lets `body` write a frame of so many bytes into the receive ring; the span has up to seven bytes more, a multiple
    /// of eight. Counted, and nothing written, when there is no room.
    @inline(__always)
    public mutating func put(_ count: Int, _ body: (inout MutableRawSpan) -> Void) {
        guard let buffer = receive.nextBuffer() else { return }
        guard region.withBuffer(buffer, (count &+ 7) & ~7, body) else { return receive.refuse() }
        receive.take(buffer, length: count)
    }

    @inline(never)
    private mutating func putTrain(_ frame: borrowing Packet, _ buffer: Int) {
        var done = 0
        var fits = true
        frame.forEachPart { part in
            fits = fits && region.write(part, to: buffer, at: done)
            done += part.byteCount
        }
        if fits { receive.take(buffer, length: done) } else { receive.refuse() }
    }

    /// The same for a frame that the machine's own stack sends.
    public mutating func putHost(_ frame: borrowing LentPacket) {
        guard let buffer = hostReceive.nextBuffer() else { return }
        var done = 0
        var fits = true
        frame.forEachPart { part in
            fits = fits && region.write(part.bytes, to: buffer, at: done)
            done += part.count
        }
        if fits { hostReceive.take(buffer, length: done) } else { hostReceive.refuse() }
    }

    /// Moves the frames of this transmit ring into another program's receive ring, as many as that has room for.
    /// - Returns: whether any went.
    public mutating func forward(to other: inout PacketRings) -> Bool {
        // Locals, which stay in registers.
        var (from, to) = (transmit, other.receive)
        let (source, target, limit) = (region, other.region, min(frameLimit, PacketRingLayout.bufferSize))
        var moved: UInt64 = 0
        while let slot = from.next {
            guard let frame = source.frame(slot, limit: limit) else {
                from.pass(wasRefused: true)
                continue
            }
            guard let buffer = to.freeBuffer else { break }
            if target.write(frame, to: buffer) {
                to.fill(buffer, length: frame.byteCount)
                moved &+= 1
                from.skip()
            } else {
                to.refuse()
                from.pass(wasRefused: false)
            }
        }
        let hasPassed = from.first != transmit.first
        from.note(frames: moved)
        to.note(frames: moved)
        to.publishEnd()
        (transmit, other.receive) = (from, to)
        return hasPassed
    }
}
