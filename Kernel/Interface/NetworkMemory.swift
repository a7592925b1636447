// What the network's memory is used for, as `netstat -m` shows it.

/// So much of a share, or of a table, is in use. 16 bytes.
public struct ShareInUse: Sendable, BitwiseCopyable {
    public var held: UInt64
    public var limit: UInt64

    public init(_ held: UInt64, of limit: UInt64) {
        self.held = held
        self.limit = limit
    }
}

/// The network's memory as it is at the moment. 352 bytes.
public struct NetworkMemory: Sendable, BitwiseCopyable {
    /// Packets of 2 KiB that have memory; they come and go by pages.
    public var packets = ShareInUse(0, of: 0)
    /// Of them in use: to receive, to send, for the stack's own messages.
    public var receiving = ShareInUse(0, of: 0)
    public var sending = ShareInUse(0, of: 0)
    public var own = ShareInUse(0, of: 0)
    /// Of those to receive: what waits in sockets and streams for programs, and fragments that wait for others.
    public var waiting = ShareInUse(0, of: 0)
    public var fragments = ShareInUse(0, of: 0)
    /// Records of connections and listeners, of half-open connections, and of those in TIME-WAIT.
    public var connections = ShareInUse(0, of: 0)
    public var halfOpen = ShareInUse(0, of: 0)
    public var timeWaits = ShareInUse(0, of: 0)
    public var sockets = ShareInUse(0, of: 0)
    public var neighbours = ShareInUse(0, of: 0)
    public var routes = ShareInUse(0, of: 0)
    public var queries = ShareInUse(0, of: 0)
    /// Payload in the queues of all connections: not acknowledged or not sent; to be read; that came before other bytes.
    public var sendBytes: UInt64 = 0
    public var receiveBytes: UInt64 = 0
    public var earlyBytes: UInt64 = 0
    /// Bytes of the tables: taken at the start, and by pages since then.
    public var fixedBytes: UInt64 = 0
    public var grownBytes: UInt64 = 0
    /// Connections by state, `StreamReport.State`.
    var states = InlineArray<11, UInt64>(repeating: 0)
    /// The most bytes that one connection may have to send, and to receive, if its program asks for that.
    public var greatestBuffer: UInt64 = 0
    var reserved: UInt64 = 0

    public init() {}

    /// Connections in a state.
    public subscript(state: StreamReport.State) -> UInt64 {
        get { states[Int(state.rawValue)] }
        set { states[Int(state.rawValue)] = newValue }
    }
}
