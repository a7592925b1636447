// System calls of the network, as Swift calls them.

public import SystemInterface
import UserMachine

extension System {
    /// Sends one echo request and waits for its reply.
    public static func ping(_ address: NetworkAddress, payload: Int32, milliseconds: Int32) throws(SystemError)
        -> PingReply
    {
        var reply = PingReply()
        var address = address
        _ = try withAddress(of: &reply) { reply in
            withAddress(of: &address) { ecall(.ping, $0, word(payload), word(milliseconds), reply) }
        }.checked()
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
        _ = try withAddress(of: &report) { ecall(.dhcpRequest, word(interface), word(limit), $0) }.checked()
        return report
    }

    public static func socket(_ kind: SocketKind = .datagram) throws(SystemError) -> FileDescriptor {
        FileDescriptor(Int32(try call(.socket, word(kind.rawValue))))
    }

    /// An address of `none` is any of the machine's own, port 0 a free one.
    public static func bind(_ socket: FileDescriptor, to address: SocketAddress) throws(SystemError) {
        _ = try withOptionalAddress(of: address) { ecall(.bind, word(socket.rawValue), $0) }.checked()
    }

    public static func connect(_ socket: FileDescriptor, to peer: SocketAddress) throws(SystemError) {
        _ = try withOptionalAddress(of: peer) { ecall(.connect, word(socket.rawValue), $0) }.checked()
    }

    /// Calls `body` with the address of the record; 0 for nil.
    private static func withOptionalAddress<Result>(of record: SocketAddress?, _ body: (UInt) -> Result) -> Result {
        guard var record else { return body(0) }
        return withAddress(of: &record, body)
    }

    /// Sends one datagram; to the connected peer if no address is given.
    public static func send(
        _ socket: FileDescriptor, _ bytes: Span<UInt8>, to address: SocketAddress? = nil
    ) throws(SystemError) {
        _ = try withOptionalAddress(of: address) { address in
            unsafe bytes.withUnsafeBufferPointer {  // the kernel only reads
                ecall(.sendto, word(socket.rawValue), UInt(bitPattern: $0.baseAddress), UInt($0.count), address)
            }
        }.checked()
    }

    /// Waits for a datagram; what does not fit the buffer is lost.
    public static func receive(
        _ socket: FileDescriptor, into buffer: inout [UInt8]
    ) throws(SystemError) -> (count: Int, source: SocketAddress) {
        var source = SocketAddress.none
        let count = try withAddress(of: &source) { source in
            unsafe buffer.withUnsafeMutableBufferPointer {  // the kernel writes no more than the count
                ecall(.recvfrom, word(socket.rawValue), UInt(bitPattern: $0.baseAddress), UInt($0.count), source)
            }
        }.checked()
        return (count, source)
    }

    public static func localAddress(_ socket: FileDescriptor) throws(SystemError) -> SocketAddress {
        try address(.getsockname, socket)
    }

    /// The connected peer.
    public static func peerAddress(_ socket: FileDescriptor) throws(SystemError) -> SocketAddress {
        try address(.getpeername, socket)
    }

    private static func address(_ number: SystemCallNumber, _ socket: FileDescriptor) throws(SystemError)
        -> SocketAddress
    {
        var address = SocketAddress.none
        _ = try withAddress(of: &address) { ecall(number, word(socket.rawValue), $0) }.checked()
        return address
    }

    public static func set(_ option: SocketOption, of socket: FileDescriptor, to value: Int32) throws(SystemError) {
        _ = try call(.setsockopt, word(socket.rawValue), word(option.rawValue), word(value))
    }

    /// The host that reported the socket's last error; `none` when there was no error.
    public static func errorReporter(_ socket: FileDescriptor) throws(SystemError) -> NetworkAddress {
        var address = NetworkAddress.none
        _ = try withAddress(of: &address) {
            ecall(.getsockopt, word(socket.rawValue), word(SocketOption.errorReporter.rawValue), $0)
        }.checked()
        return address
    }

    /// ICMP's type × 256 + code of the socket's last error; 0: it was found out here.
    public static func errorCode(_ socket: FileDescriptor) throws(SystemError) -> Int {
        try call(.getsockopt, word(socket.rawValue), word(SocketOption.errorCode.rawValue))
    }

    /// Waits until one of the descriptors is ready for what its entry asks, or the time has passed (negative: for
    /// ever). The number of entries whose `returned` is not 0.
    public static func poll(_ entries: inout [PollEntry], milliseconds: Int32) throws(SystemError) -> Int {
        try unsafe entries.withUnsafeMutableBufferPointer {  // the kernel fills in as many entries as the count says
            ecall(.poll, UInt(bitPattern: $0.baseAddress), UInt($0.count), word(milliseconds))
        }.checked()
    }

    /// Sends frames to a station that is not there, straight through a driver; how many the card took.
    public static func loopDevice(_ interface: Int32, count: Int32, byteCount: Int32) throws(SystemError) -> Int {
        try call(.loopDevice, word(interface), word(count), word(byteCount))
    }

    /// Looks a domain name up.
    public static func resolve(_ name: CString, milliseconds: Int32) throws(SystemError) -> NameReport {
        var report = NameReport()
        let name = Path(name)
        _ = try withAddress(of: &report) { report in
            name.withAddress { ecall(.resolve, $0, word(milliseconds), report) }
        }.checked()
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
            let count = try withAddress(of: &record) { ecall(.networkStatus, word(table.rawValue), word(index), $0) }
                .checked()
            return (Int(index) < count ? record : nil, Int32(truncatingIfNeeded: count))
        } catch .noSuchFile {
            // An empty place. Beyond all of them the call says how many there are.
            return (nil, Int32(truncatingIfNeeded: try call(.networkStatus, word(table.rawValue), word(Int32.max), 0)))
        }
    }

    /// Changes the network by hand.
    public static func change<Record: BitwiseCopyable>(_ change: NetworkChange, _ record: Record) throws(SystemError) {
        var record = record
        _ = try withAddress(of: &record) { ecall(.networkChange, word(change.rawValue), $0) }.checked()
    }
}
