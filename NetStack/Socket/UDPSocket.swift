// A UDP socket, and the datagrams that wait in it.

/// A datagram that arrived: its payload alone, and its sender.
public struct Datagram: ~Copyable {
    public var payload: Packet
    /// The rest of the payload, of a datagram that came in fragments and is larger than a packet.
    public var rest: PacketQueue
    public let source: Endpoint
}

/// One per UDP socket.
struct UDPSocket: ~Copyable {
    /// Where it is bound; port 0: nowhere yet.
    var local = Endpoint.unspecified
    /// The one peer; nil: it is not connected.
    var peer: Endpoint?
    var allowsBroadcast = false
    /// Of what it sends.
    var timeToLive: UInt8 = 64
    var received = ReceiveQueue()
    var pendingError: SocketError?
    /// The host that reported the last error.
    var errorReporter = IPAddress.unspecified

    var isBound: Bool { local.port != 0 }
    var isReadable: Bool { !received.packets.isEmpty || pendingError != nil }

    /// How closely the socket fits a datagram: connected to its sender before bound to its destination before bound to any address;
    /// -1: not at all.
    @inline(__always)
    func score(_ destination: Endpoint, from source: Endpoint) -> Int {
        guard local.port == destination.port else { return -1 }
        var score = 0
        if let peer {
            guard peer == source else { return -1 }
            score += 2
        }
        if !local.address.isUnspecified {
            guard local.address == destination.address else { return -1 }
            score += 1
        }
        return score
    }
}

/// What is kept with a packet in a socket's queue: a record in front of the payload, where the headers were.
struct QueuedHeader {
    static var byteCount: Int { 24 }

    var source: Endpoint
    /// The next packet in the queue belongs to the same datagram.
    var continues: Bool

    @inline(__always)
    init(source: Endpoint, continues: Bool) {
        self.source = source
        self.continues = continues
    }

    @inline(__always)
    init(_ bytes: RawSpan) {
        source = Endpoint(IPAddress(high: bytes.native64(0), low: bytes.native64(8)), bytes.be16(16))
        continues = bytes.byte(18) != 0
    }

    @inline(__always)
    func emit(to bytes: inout MutableRawSpan) {
        bytes.setNative64(source.address.high, 0)
        bytes.setNative64(source.address.low, 8)
        bytes.setBE16(source.port, 16)
        bytes.setByte(continues ? 1 : 0, 18)
    }
}
