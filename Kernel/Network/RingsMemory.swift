// The memory of packet rings: a region that the program has, and a page of the kernel's with what it knows of the rings.
// Rings that name the buffers of others use the memory of those too: it stays until the last use of it ends, in whatever
// order descriptors are closed.

import Machine
import NetStack
import Storage
import Synchronization
import SystemInterface

/// What one use, or several, refer to. In a page of its own.
private struct RingsRecord: ~Copyable {
    let uses = Atomic<Int>(1)
    /// Where the record itself is.
    var page: Page?
    var region: SharedRegion?
    /// The use of the memory that has the buffers; nil: they are in this one's region.
    var lender: RingsMemory?
    var rings: PacketRings
}

/// A use of memory of rings: their own, or that of rings which name its buffers. Its end gives the use up, that of the
/// last one the memory. The uses of one memory are those of one process.
struct RingsMemory: ~Copyable {
    private let record: Ref<RingsRecord>

    private init(_ record: Ref<RingsRecord>) { self.record = record }

    /// Maps a region into a process, and makes the rings that a request describes.
    /// - Parameter lender: the memory that has the buffers; nil: they are part of the region.
    /// - Throws: noBufferSpace; noMemory; invalidArgument when the lender has fewer buffers than the slots name.
    init(
        _ request: PacketRingsRequest, in space: Ref<AddressSpace?>, buffersOf lender: consuming RingsMemory?,
        frameLimit: Int
    ) throws(SystemError) {
        let buffers = lender?.shared
        if let buffers, Int(request.firstBuffer) + request.bufferCount > buffers.bufferCount { throw .invalidArgument }
        let region = try SharedRegion(pages: request.pageCount, in: space)
        let page = try Page.forKernel()
        let rings = PacketRings(Self.shared(region), request, buffersOf: buffers, frameLimit: frameLimit)
        // The page is large enough, and the record's alone as long as that has uses.
        let place = unsafe page.address.pointer.bindMemory(to: RingsRecord.self, capacity: 1)
        unsafe place.initialize(to: RingsRecord(page: page, region: region, lender: lender, rings: rings))
        record = unsafe Ref(unsafe: place)
    }

    deinit {
        guard record.value.uses.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
        _ = record.value.lender.take()
        _ = record.value.region.take()
        _ = record.value.page.take()  // and the record with it
    }

    /// Another use of the memory that has these rings' buffers.
    func lend() -> RingsMemory {
        switch record.value.lender {
        case .some(let lender): lender.again()
        case nil: again()
        }
    }

    private func again() -> RingsMemory {
        record.value.uses.wrappingAdd(1, ordering: .relaxed)
        return RingsMemory(record)
    }

    /// The region as the rings know it.
    private static func shared(_ region: borrowing SharedRegion) -> RingRegion {
        // An entry of a page table is one word. Table and pages stay as long as the region, and so the record.
        let words = unsafe UnsafeRawPointer(region.leaves.elements).assumingMemoryBound(to: UInt64.self)
        return unsafe RingRegion(unsafe: words, pageCount: region.pageCount, offset: kernelBase)
    }

    private var shared: RingRegion? {
        switch record.value.region {
        case .some(let region): Self.shared(region)
        case nil: nil
        }
    }

    /// The rings: for as long as this use.
    var rings: Ref<PacketRings> {
        // a stored property of the record, which stays where it is
        unsafe withUnsafeMutablePointer(to: &record.value.rings) { unsafe Ref(unsafe: $0) }
    }

    /// Where the region is in the process, and its bytes.
    var place: (address: UInt64, byteCount: UInt64) {
        switch record.value.region {
        case .some(let region): (UInt64(region.address), UInt64(region.pageCount) * UInt64(pageSize))
        case nil: (0, 0)
        }
    }
}
