// How the card of shared memory finds itself: QEMU's ivshmem-plain on PCI, whose base address 2 is the region.

import Packets

public enum SharedMemoryPCI {
    /// Whether a function is one (docs/specs/ivshmem-spec.rst).
    public static func isOne(_ record: PCIRecord) -> Bool { record.vendorID == 0x1af4 && record.deviceID == 0x1110 }
    static var region: Int { 2 }
}

extension SharedMemoryCard: NetworkCard where Memory: AmbientDMA {
    public typealias Space = Window

    public static func attach(_ site: CardSite<Window>) throws(CardError) -> SharedMemoryCard? {
        guard case .function(let function) = site.place, SharedMemoryPCI.isOne(function.record) else { return nil }
        let byteCount = function.record.baseAddresses[SharedMemoryPCI.region].byteCount
        guard let window = function.window(SharedMemoryPCI.region, needed: byteCount) else {
            throw CardError("the bus has no room for its memory: 32 MiB at most")
        }
        function.enable()
        return try SharedMemoryCard(
            window, byteCount: byteCount, side: site.sharedSide, in: Memory(), pool: site.pool, random: site.random)
    }

    public var driver: CardDriver {
        CardDriver(prefix: "shm", name: "shared memory", hasInterrupt: false)
    }
}
