// A UDP socket, and the datagrams that wait in it.

/// A datagram that arrived: its payload alone, perhaps a train, and its sender.
@frozen public struct Datagram: ~Copyable {
    public var payload: Packet
    public let source: Endpoint
}

/// With which other sockets a socket shares its address and port: those that have one of these in common with it.
struct PortReuse: OptionSet {
    let rawValue: UInt8
    /// SO_REUSEADDR: what is for one host goes to the socket that was bound last.
    static let address = PortReuse(rawValue: 1)
    /// SO_REUSEPORT: what is for one host is spread by sender.
    static let port = PortReuse(rawValue: 2)
}

/// One per UDP socket.
struct UDPSocket: ~Copyable {
    /// Where it is bound; port 0: nowhere yet.
    var local = Endpoint.unspecified
    /// The one peer; nil: it is not connected.
    var peer: Endpoint?
    var allowsBroadcast = false
    /// Of what it sends to one host, and to groups (RFC 1112, 6.1: 1 unless the program asks for more).
    var timeToLive: UInt8 = 64
    var groupTimeToLive: UInt8 = 1
    var reuse = PortReuse()
    /// Carries ICMP echo instead; the local port is the identifier.
    var isEcho = false
    var received = ReceiveQueue()
    var pendingError: SocketError?
    /// The host that reported the last error, and ICMP's type × 256 + code of it.
    var errorReporter = IPAddress.unspecified
    var errorCode: UInt16 = 0

    var isBound: Bool { local.port != 0 }
    var isReadable: Bool { !received.packets.isEmpty || pendingError != nil }

    /// How closely the socket fits a datagram: connected to its sender before bound to its destination before bound to
    /// any address; -1: not at all.
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

extension Packet {
    /// The sender of the datagram in a socket's queue, kept in the packet's notes.
    @inline(__always)
    var source: Endpoint {
        get { Endpoint(IPAddress(high: self[note: 0], low: self[note: 1]), UInt16(truncatingIfNeeded: self[note: 2])) }
        nonmutating set {
            self[note: 0] = newValue.address.high
            self[note: 1] = newValue.address.low
            self[note: 2] = UInt64(newValue.port)
        }
    }
}
