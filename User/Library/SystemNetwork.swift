// System calls of the network, as Swift calls them.

public import SystemInterface

extension System {
    /// Sends one echo request and waits for its reply.
    public static func ping(_ address: NetworkAddress, payload: Int32, milliseconds: Int32) throws(SystemError) -> PingReply {
        var reply = PingReply()
        var address = address
        _ = try withUnsafeMutablePointer(to: &reply) { (reply) throws(SystemError) in
            try withUnsafeMutablePointer(to: &address) { (address) throws(SystemError) in
                try call(.ping, word(address), word(payload), word(milliseconds), word(reply))
            }
        }
        return reply
    }

    /// Gets the interface an address from a DHCP server, or waits for the one that is being asked for.
    public static func requestLease(_ interface: Int32, milliseconds: Int32) throws(SystemError) -> LeaseReport {
        try dhcp(interface, max(1, milliseconds))
    }

    /// How the interface stands, without asking a server.
    public static func lease(_ interface: Int32) throws(SystemError) -> LeaseReport { try dhcp(interface, 0) }

    /// Gives the interface's lease back, and its address up.
    public static func releaseLease(_ interface: Int32) throws(SystemError) { _ = try dhcp(interface, -1) }

    private static func dhcp(_ interface: Int32, _ limit: Int32) throws(SystemError) -> LeaseReport {
        var report = LeaseReport()
        _ = try withUnsafeMutablePointer(to: &report) { (report) throws(SystemError) in
            try call(.dhcpRequest, word(interface), word(limit), word(report))
        }
        return report
    }

    public static func socket(_ kind: SocketKind = .datagram) throws(SystemError) -> Descriptor {
        Descriptor(Int32(try call(.socket, word(kind.rawValue))))
    }

    /// An address of `none` is any of ours, port 0 a free one.
    public static func bind(_ socket: Descriptor, to address: SocketAddress) throws(SystemError) {
        _ = try withAddress(address) { (address) throws(SystemError) in try call(.bind, word(socket.rawValue), address) }
    }

    public static func connect(_ socket: Descriptor, to peer: SocketAddress) throws(SystemError) {
        _ = try withAddress(peer) { (peer) throws(SystemError) in try call(.connect, word(socket.rawValue), peer) }
    }

    /// Calls `body` with a pointer to the record as an argument of a call; 0 for nil.
    private static func withAddress(
        _ address: SocketAddress?, _ body: (UInt64) throws(SystemError) -> Int
    ) throws(SystemError) -> Int {
        guard var address else { return try body(0) }
        return try withUnsafeMutablePointer(to: &address) { (address) throws(SystemError) in try body(word(address)) }
    }

    /// Sends one datagram; to the connected peer if no address is given.
    public static func send(
        _ socket: Descriptor, _ bytes: UnsafeRawBufferPointer, to address: SocketAddress? = nil
    ) throws(SystemError) {
        _ = try withAddress(address) { (address) throws(SystemError) in
            try call(.sendto, word(socket.rawValue), word(bytes.baseAddress), UInt64(bytes.count), address)
        }
    }

    /// Waits for a datagram; what does not fit the buffer is lost.
    public static func receive(
        _ socket: Descriptor, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> (count: Int, source: SocketAddress) {
        var source = SocketAddress.none
        let count = try withUnsafeMutablePointer(to: &source) { (source) throws(SystemError) in
            try call(.recvfrom, word(socket.rawValue), word(buffer.baseAddress), UInt64(buffer.count), word(source))
        }
        return (count, source)
    }

    public static func localAddress(_ socket: Descriptor) throws(SystemError) -> SocketAddress {
        try address(.getsockname, socket)
    }

    /// The connected peer.
    public static func peerAddress(_ socket: Descriptor) throws(SystemError) -> SocketAddress {
        try address(.getpeername, socket)
    }

    private static func address(_ number: SystemCallNumber, _ socket: Descriptor) throws(SystemError) -> SocketAddress {
        var address = SocketAddress.none
        _ = try withUnsafeMutablePointer(to: &address) { (address) throws(SystemError) in
            try call(number, word(socket.rawValue), word(address))
        }
        return address
    }

    public static func set(_ option: SocketOption, of socket: Descriptor, to value: Int32) throws(SystemError) {
        _ = try call(.setsockopt, word(socket.rawValue), word(option.rawValue), word(value))
    }

    /// The host that reported the socket's last error; `none` when there was no error.
    public static func errorReporter(_ socket: Descriptor) throws(SystemError) -> NetworkAddress {
        var address = NetworkAddress.none
        _ = try withUnsafeMutablePointer(to: &address) { (address) throws(SystemError) in
            try call(.getsockopt, word(socket.rawValue), word(SocketOption.errorReporter.rawValue), word(address))
        }
        return address
    }

    /// Waits until one of the descriptors is ready for what its entry asks, or the time has passed (negative: for ever). How many
    /// have something to tell; the entries say which.
    public static func poll(_ entries: inout [PollEntry], milliseconds: Int32) throws(SystemError) -> Int {
        var result: Swift.Result<Int, SystemError> = .success(0)
        entries.withUnsafeMutableBufferPointer { entries in
            do throws(SystemError) {
                result = .success(try call(.poll, word(entries.baseAddress), UInt64(entries.count), word(milliseconds)))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    /// Sends frames to a station that is not there, straight through a driver; how many the card took.
    public static func loopDevice(_ interface: Int32, count: Int32) throws(SystemError) -> Int {
        try call(.loopDevice, word(interface), word(count))
    }

    /// Looks a domain name up.
    public static func resolve(_ name: CString, milliseconds: Int32) throws(SystemError) -> NameReport {
        var report = NameReport()
        _ = try withUnsafeMutablePointer(to: &report) { (report) throws(SystemError) in
            try call(.resolve, word(name.start), word(milliseconds), word(report))
        }
        return report
    }

    // MARK: Status

    /// Calls `body` with each record that a table of the kernel's has; `record` is any value to be written over.
    public static func forEach<Record: BitwiseCopyable>(
        _ table: NetworkTable, _ record: Record, _ body: (Record) -> Void
    ) throws(SystemError) {
        var index: Int32 = 0
        var count: Int32 = 1
        while index < count {
            let (found, places) = try look(table, at: index, record)
            count = places
            if let found { body(found) }
            index += 1
        }
    }

    /// The record in one place, nil when that is empty; and how many places there are.
    private static func look<Record: BitwiseCopyable>(
        _ table: NetworkTable, at index: Int32, _ record: Record
    ) throws(SystemError) -> (record: Record?, places: Int32) {
        var record = record
        do throws(SystemError) {
            let count = try withUnsafeMutablePointer(to: &record) { (record) throws(SystemError) in
                try call(.networkStatus, word(table.rawValue), word(index), word(record))
            }
            return (Int(index) < count ? record : nil, Int32(truncatingIfNeeded: count))
        } catch .noSuchFile {
            // An empty place. Beyond all of them the call says how many there are.
            return (nil, Int32(truncatingIfNeeded: try call(.networkStatus, word(table.rawValue), word(Int32.max), 0)))
        }
    }

    /// Changes the network by hand.
    public static func change<Record: BitwiseCopyable>(_ change: NetworkChange, _ record: Record) throws(SystemError) {
        var record = record
        _ = try withUnsafeMutablePointer(to: &record) { (record) throws(SystemError) in
            try call(.networkChange, word(change.rawValue), word(record))
        }
    }
}
