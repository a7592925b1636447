// Looking at the wire: sockets that get a copy of every frame that came or went, as long as there is room.
//
// Promise: without such a socket, a frame costs one test. A reader that is too slow loses copies, counted by its
// socket; traffic loses nothing.

import Storage

/// What stands in front of a captured frame: 16 bytes, little-endian.
public struct CaptureHeader: Equatable {
    public static var byteCount: Int { 16 }

    /// Eight bytes: nanoseconds since the start of the clock.
    public var time: Instant
    /// Bytes of the frame; what follows may be fewer.
    public var frameCount: Int
    /// One byte. The loopback's frames have an Ethernet header of zeros.
    public var interface: InterfaceID
    /// Sent by us.
    public var isOutgoing: Bool

    public init(time: Instant, frameCount: Int, interface: InterfaceID, isOutgoing: Bool) {
        self.time = time
        self.frameCount = frameCount
        self.interface = interface
        self.isOutgoing = isOutgoing
    }

    /// nil when there are fewer than 16 bytes.
    public init?(parsing bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount else { return nil }
        let low = UInt64(bytes.native32(0)), high = UInt64(bytes.native32(4))
        time = Instant(nanoseconds: UInt64(littleEndian: high << 32 | low))
        frameCount = Int(UInt32(littleEndian: bytes.native32(8)))
        interface = InterfaceID(rawValue: bytes.byte(12))
        isOutgoing = bytes.byte(13) != 0
    }

    func emit(to bytes: inout MutableRawSpan) {
        for i in 0..<8 { bytes.setByte(UInt8(truncatingIfNeeded: time.nanoseconds >> UInt64(8 * i)), i) }
        for i in 0..<4 { bytes.setByte(UInt8(truncatingIfNeeded: frameCount >> (8 * i)), 8 + i) }
        bytes.setByte(interface.rawValue, 12)
        bytes.setByte(isOutgoing ? 1 : 0, 13)
        bytes.setBE16(0, 14)
    }
}

/// The copies that an interface made since the stack last looked.
struct CaptureQueue: ~Copyable {
    static var limit: Int { 64 }

    let interface: InterfaceID
    var isOn = false
    var packets = PacketQueue()
    /// Frames of which there is no copy.
    var lost: UInt64 = 0

    init(interface: InterfaceID) { self.interface = interface }

    /// Copies a frame, if copies are wanted.
    @inline(__always)
    mutating func note(_ frame: borrowing Packet, isOutgoing: Bool, pool: PacketPool, now: Instant) {
        if isOn { copy(frame, linkHeader: 0, isOutgoing: isOutgoing, pool: pool, now: now) }
    }

    /// - Parameter linkHeader: bytes of zeros to put in front, for what has no Ethernet header.
    mutating func copy(_ frame: borrowing Packet, linkHeader: Int, isOutgoing: Bool, pool: PacketPool, now: Instant) {
        let count = linkHeader + frame.totalCount
        // The rest of what there is to receive into is the traffic's.
        guard packets.count < Self.limit, pool.canKeep, pool.held(.receiving) < pool.limit(.receiving) / 4 * 3,
            var copy = pool.take(),
            copy.resize(to: linkHeader)
        else {
            lost &+= 1
            return
        }
        var bytes = copy.mutableBytes
        if linkHeader > 0 { EthernetHeader(destination: .zero, source: .zero, type: EtherType.ipv4).emit(to: &bytes) }
        copy.copyIn(frame)
        // As the card will send it: the checksum, where that is left to the card.
        if frame.hasOffload, copy.count == count, var request = frame.offload {
            request.checksumStart += linkHeader
            copy.offload = request
            copy.completeChecksum()
        }
        copy.prepend(CaptureHeader.byteCount)
        var header = copy.mutableBytes
        CaptureHeader(time: now, frameCount: count, interface: interface, isOutgoing: isOutgoing).emit(to: &header)
        packets.append(copy)
    }
}

/// One per socket that shows the wire.
struct CaptureSocket: ~Copyable {
    var isOpen = false
    /// Its number.
    var number = 0
    var received = ReceiveQueue()
}

extension NetStack where Device: ~Copyable {
    /// A new socket that gets copies of all frames: each a `CaptureHeader` and the frame.
    public mutating func openCapture() throws(SocketError) -> Int {
        guard let i = sockets.openCapture() else { throw .tooManySockets }
        setCapture(on: true)
        return i
    }

    /// Ends copying when no socket shows the wire any more.
    mutating func stopCapture() {
        for i in 0..<sockets.captures.count where sockets.captures[i].isOpen { return }
        setCapture(on: false)
    }

    private mutating func setCapture(on: Bool) {
        for place in 0..<interfaceCount { interfaces[place].capture.isOn = on }
        isCapturing = on
        updateFilter()
    }

    /// Hands what was copied to the sockets that show the wire.
    mutating func deliverCaptures() {
        for place in 0..<interfaceCount {
            while let packet = interfaces[place].capture.packets.removeFirst() { deliver(captured: packet) }
            let lost = interfaces[place].capture.lost
            interfaces[place].capture.lost = 0
            for i in 0..<sockets.captures.count where sockets.captures[i].isOpen {
                sockets.captures[i].received.dropped &+= lost
            }
        }
    }

    private mutating func deliver(captured packet: consuming Packet) {
        var last: Int?
        for i in 0..<sockets.captures.count where sockets.captures[i].isOpen {
            if let last, var copy = pool.take() {
                copy.copyIn(packet)
                deliver(captured: copy, to: last)
            }
            last = i
        }
        if let last { deliver(captured: packet, to: last) }
    }

    private mutating func deliver(captured packet: consuming Packet, to capture: Int) {
        let socket = sockets.captures.ref(capture)
        sockets.deliver(captured: packet, to: socket)
        completions.append(.socket(socket.value.number))
    }
}
