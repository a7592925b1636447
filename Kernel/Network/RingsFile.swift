// Packet rings behind a descriptor: the region that is mapped into the program, and the threads that poll for it. What
// happens to frames is the stack's (NetStack/Interface/HeldCard.swift) and that of the rings themselves.

import Drivers
import Machine
import NetStack
import Storage
import Synchronization
import SystemInterface

/// A card in a program's hands, or an end of a pipe of packets. Its end gives all of it back: the kernel's uses of the
/// region first, then the region.
struct RingsFile: ~Copyable {
    /// Its place in the table.
    private let number: Int
    /// Where the rings stand: PacketRings.
    private let state: Page
    private let region: SharedRegion

    /// Opens what a request names, with its memory in a process, and fills in the rest of the request.
    /// - Throws: as rings_open.
    init(_ request: inout PacketRingsRequest, in space: Ref<AddressSpace?>) throws(SystemError) {
        if request.isPipe { request.hostSlots = 0 }
        guard request.isValid else { throw .invalidArgument }
        let limit = try Rings.frameLimit(of: request)
        let region = try SharedRegion(pages: request.pageCount, in: space)
        let state = try Page.forKernel()
        number = try Rings.add(request, Self.rings(in: state, region, request, limit))
        request.address = UInt64(region.address)
        request.byteCount = UInt64(region.pageCount) * UInt64(pageSize)
        request.frameLimit = UInt32(min(limit, PacketRingLayout.bufferSize))
        (request.interface, request.hardware) = Rings.card(number)
        self.region = region
        self.state = state
    }

    deinit { Rings.remove(number) }

    private static func rings(
        in state: borrowing Page, _ region: borrowing SharedRegion, _ request: PacketRingsRequest, _ limit: Int
    ) -> Ref<PacketRings> {
        // An entry of a page table is one word.
        let words = unsafe UnsafeRawPointer(region.leaves.elements).assumingMemoryBound(to: UInt64.self)
        let shared = unsafe RingRegion(unsafe: words, pageCount: region.pageCount, offset: kernelBase)
        // The page is large enough, this file's alone, and stays until `Rings.remove` has ended all uses; the same is
        // true of the region.
        let place = unsafe state.address.pointer.bindMemory(to: PacketRings.self, capacity: 1)
        unsafe place.initialize(to: PacketRings(shared, request, frameLimit: limit))
        return unsafe Ref(unsafe: place)
    }

    /// rings_sync: SystemCallNumber has the contract.
    func synchronise(_ sync: PacketRingSync) throws(SystemError) {
        guard try Rings.synchronise(number, sync) else { throw .invalidArgument }
    }

    /// Bits of PollEntry; looks at the rings first.
    var readiness: Int16 { Rings.readiness(number) }

    func withPollQueue(_ body: (borrowing PollQueue) -> Void) { Rings.withPollQueue(number, body) }
}
