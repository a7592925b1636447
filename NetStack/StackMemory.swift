// What the network's memory is used for: packets by use, connections and the bytes that they keep, tables.

import Storage

/// So much of a share, or of a table, is in use.
public struct StackShare: Equatable, Sendable {
    public let held: Int
    public let limit: Int

    init(_ held: Int, of limit: Int) {
        self.held = held
        self.limit = limit
    }
}

/// The network's memory as it is at the moment.
public struct StackMemory: Sendable {
    /// Buffers that have memory; what waits in sockets and streams for programs, and fragments.
    public var packets = StackShare(0, of: 0)
    public var waiting = StackShare(0, of: 0)
    public var fragments = StackShare(0, of: 0)
    /// Records in use.
    public var connections = StackShare(0, of: 0)
    public var halfOpen = StackShare(0, of: 0)
    public var timeWaits = StackShare(0, of: 0)
    public var sockets = StackShare(0, of: 0)
    public var neighbours = StackShare(0, of: 0)
    public var routes = StackShare(0, of: 0)
    public var queries = StackShare(0, of: 0)
    /// By state: connections and listeners.
    public var states = InlineArray<11, Int>(repeating: 0)
    /// Payload that is not acknowledged or not sent, that waits to be read, and that came before other bytes.
    public var sendBytes = 0
    public var receiveBytes = 0
    public var earlyBytes = 0
    /// Bytes of tables: taken at the start, and by pages since.
    public var fixedBytes = 0
    public var grownBytes = 0
}

extension NetStack where Device: ~Copyable {
    /// What the memory is used for. Looks at every connection.
    public func memoryUse() -> StackMemory {
        var memory = StackMemory()
        memory.packets = StackShare(pool.madeCount, of: pool.count)
        memory.waiting = StackShare(sockets.share.taken, of: sockets.share.limit)
        memory.fragments = StackShare(reassembly.packetCount, of: budget.reassembly)
        countConnections(&memory)
        memory.halfOpen = StackShare(tcp.halfOpen.count, of: TCPLimit.halfOpen)
        memory.timeWaits = StackShare(tcp.timeWaits.count, of: TCPLimit.timeWaits)
        memory.states[Int(TCPState.synReceived.rawValue)] += tcp.halfOpen.count
        memory.states[Int(TCPState.timeWait.rawValue)] += tcp.timeWaits.count
        memory.sockets = StackShare(sockets.usedCount, of: sockets.userCount)
        var known = 0
        for i in 0..<neighbours.entries.count where neighbours.entries[i].isUsed { known += 1 }
        memory.neighbours = StackShare(known, of: StackLimit.neighbours)
        memory.routes = StackShare(routes.count, of: StackLimit.routes)
        var asked = 0
        for i in 0..<StackLimit.queries where resolver.queries[i].state != .free { asked += 1 }
        memory.queries = StackShare(asked, of: StackLimit.queries)
        memory.fixedBytes = Self.memoryNeeded(sockets: sockets.userCount)
        memory.grownBytes =
            tcp.connections.byteCount + tcp.halfOpen.byteCount + tcp.timeWaits.byteCount + sockets.udp.byteCount
        return memory
    }

    private func countConnections(_ memory: inout StackMemory) {
        var used = 0
        for i in 0..<tcp.connections.count where tcp[i].value.isUsed {
            let connection = tcp[i]
            used += 1
            memory.states[Int(connection.value.state.rawValue)] += 1
            memory.sendBytes += connection.value.sender.queuedBytes
            memory.receiveBytes += connection.value.receiver.available
            connection.value.receiver.early.forEach { memory.earlyBytes += $0.totalCount }
        }
        memory.connections = StackShare(used, of: tcp.connections.limit)
    }
}
