// How large the stack's tables are. What grows with the machine's memory is an argument of `NetStack.init`.

/// Sizes of the tables, in entries.
public enum StackLimit {
    /// Cards, and the loopback.
    public static var interfaces: Int { cards + 1 }
    public static var cards: Int { 4 }
    /// Frames that wait for room in a card: the longest datagram in fragments, and replies.
    public static var backlog: Int { 128 }
    public static var routes: Int { 256 }
    /// Neighbours of all interfaces.
    public static var neighbours: Int { 256 }
    /// Of them, those that have not answered yet.
    public static var incompleteNeighbours: Int { 32 }
    public static var pathMTUs: Int { 8 }
    public static var reassemblies: Int { 16 }
    public static var echoes: Int { 64 }
    /// As many as there are processes: each may wait for one.
    public static var queries: Int { 64 }
    /// Sockets that show the wire.
    public static var captures: Int { 8 }
    /// Name servers that a query may ask.
    public static var serversPerQuery: Int { 3 }
    /// Sockets of the stack's own, beside the users': one for each name query and server.
    public static var ownSockets: Int { queries * serversPerQuery }
}
