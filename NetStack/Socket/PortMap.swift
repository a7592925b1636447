// Which sockets have which local port: a hash table of chains, for one transport protocol.

import Storage

struct PortMap: ~Copyable {
    private static var chainCount: Int { 256 }

    static func memoryNeeded(sockets: Int) -> Int {
        TableMemory.byteCount(Int16.self, chainCount) + TableMemory.byteCount(Int16.self, sockets)
    }

    private let chains: Table<Int16>
    /// By socket: the next one in its chain; -1 ends it.
    private let links: Table<Int16>

    init(_ memory: inout TableMemory, sockets: Int) {
        chains = memory.table(Self.chainCount) { -1 }
        links = memory.table(sockets) { -1 }
    }

    @inline(__always)
    private func chain(_ port: UInt16) -> Int { Int(port ^ port >> 8) & (Self.chainCount - 1) }

    /// The first socket in the chain of a port, which has sockets of other ports too; -1: none.
    @inline(__always)
    func first(_ port: UInt16) -> Int { Int(chains[chain(port)]) }

    /// The next socket in the chain; -1: none.
    @inline(__always)
    func next(after socket: Int) -> Int { Int(links[socket]) }

    /// Calls `body` with each socket in the chain of a port, which has sockets of other ports too.
    @inline(__always)
    func forEach(_ port: UInt16, _ body: (Int) -> Void) {
        var i = first(port)
        while i >= 0 {
            body(i)
            i = next(after: i)
        }
    }

    mutating func insert(_ socket: Int, at port: UInt16) {
        links[socket] = chains[chain(port)]
        chains[chain(port)] = Int16(truncatingIfNeeded: socket)
    }

    /// - Parameter socket: one that was inserted at this port.
    mutating func remove(_ socket: Int, at port: UInt16) {
        let chain = chain(port)
        var before = Int(chains[chain])
        if before == socket {
            chains[chain] = links[socket]
        } else {
            while before >= 0, Int(links[before]) != socket { before = Int(links[before]) }
            guard before >= 0 else { return }
            links[before] = links[socket]
        }
        links[socket] = -1
    }
}
