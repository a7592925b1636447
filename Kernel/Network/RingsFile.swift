// Packet rings behind a descriptor: the rings in their memory, and the threads that poll for them. What happens to
// frames is the stack's (NetStack/Interface/HeldCard.swift) and that of the rings themselves.

import NetStack
import Storage
import SystemInterface

/// A card in a program's hands, or an end of a pipe of packets. Its end gives all of it back: the kernel's uses of the
/// memory first, then the memory, unless other rings name its buffers.
struct RingsFile: ~Copyable {
    /// Its place in the table.
    private let number: Int
    let memory: RingsMemory

    /// Opens what a request names, with its memory in a process, and fills in the rest of the request.
    /// - Parameter lender: the memory of other rings of the process, whose buffers the slots name; nil: its own.
    /// - Throws: as rings_open.
    init(
        _ request: inout PacketRingsRequest, in space: Ref<AddressSpace?>, buffersOf lender: consuming RingsMemory?
    ) throws(SystemError) {
        if request.isPipe { request.hostSlots = 0 }
        guard request.isValid else { throw .invalidArgument }
        let limit = try Rings.frameLimit(of: request)
        let memory = try RingsMemory(request, in: space, buffersOf: lender, frameLimit: limit)
        number = try Rings.add(request, memory.rings)
        (request.address, request.byteCount) = memory.place
        request.frameLimit = UInt16(min(limit, PacketRingLayout.bufferSize))
        (request.interface, request.hardware) = Rings.card(number)
        self.memory = memory
    }

    deinit { Rings.remove(number) }

    /// rings_sync: SystemCallNumber has the contract.
    func synchronise(_ sync: PacketRingSync) throws(SystemError) {
        guard try Rings.synchronise(number, sync) else { throw .invalidArgument }
    }

    /// Bits of PollEntry; looks at the rings first.
    var readiness: Int16 { Rings.readiness(number) }

    func withPollQueue(_ body: (borrowing PollQueue) -> Void) { Rings.withPollQueue(number, body) }
}
