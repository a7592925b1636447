// The state of all UDP sockets: that of the users' comes by pages when a number is used first, the stack's own is
// always there.

import Storage

struct UDPTable: ~Copyable {
    static func memoryNeeded(users: Int) -> Int {
        GrowingTable<UDPSocket>.memoryNeeded(count: users)
            + TableMemory.byteCount(UDPSocket.self, StackLimit.ownSockets)
    }

    private var users: GrowingTable<UDPSocket>
    private let own: Table<UDPSocket>

    init(_ memory: inout TableMemory, users count: Int, pages: TablePages) {
        users = GrowingTable(&memory, limit: count, pages: pages)
        own = memory.table(StackLimit.ownSockets) { UDPSocket() }
    }

    /// Numbers of users' sockets whose state is there: from 0 up to this.
    var userCount: Int { users.count }

    /// Bytes of the pages that it has taken.
    var byteCount: Int { users.byteCount }

    /// Makes the state of a user's socket, if it is not there; false without the memory.
    mutating func reach(_ number: Int) -> Bool {
        while users.count <= number {
            guard users.grow({ UDPSocket() }) else { return false }
        }
        return true
    }

    /// A handle to the state of a socket; a number that was not reached traps.
    @inline(__always)
    func ref(_ number: Int) -> Ref<UDPSocket> {
        number < users.limit ? users.ref(number) : own.ref(number - users.limit)
    }
}
