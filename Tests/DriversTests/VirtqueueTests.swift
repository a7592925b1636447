// A virtqueue of either format by itself, without a driver.

import Drivers
import Testing

@Suite(.bothQueueFormats) struct VirtqueueTests {
    let memory = TestMemory()
    var dma: TestDMA { TestDMA(memory: memory) }

    /// A queue alone, before there is a driver.
    private func queue(of model: DiskModel) throws -> AnyQueue<TestDMA> {
        let transport = try VirtIOMMIO(TestRegisters(model: model))
        let features = try transport.negotiate(
            VirtIODeviceType.block, wanted: VirtIOFeature.ringPacked | VirtIOFeature.eventIndex)
        var options = VirtqueueOptions()
        options.isPacked = features & VirtIOFeature.ringPacked != 0
        options.usesEventIndex = features & VirtIOFeature.eventIndex != 0
        return try AnyQueue(0, of: transport, in: dma, options: options)
    }

    /// A chain of one descriptor.
    private func submit(_ address: UInt64, to queue: inout AnyQueue<TestDMA>) throws {
        guard var chain = queue.startChain(count: 1) else { throw VirtIOError.noMemory }
        queue.append(address, byteCount: 512, .deviceReads, to: &chain)
        queue.submit(chain)
    }

    /// VirtIO 1.2, 2.7.10: the device says at which chain it wants to be notified.
    @Test func aDeviceThatNamesAChainIsNotifiedOfThatOneAlone() throws {
        let model = DiskModel(memory, isLegacy: false, features: 1 << 29)
        var queue = try queue(of: model)
        let address = unsafe dma.deviceAddress(of: memory.allocate(4096)!)
        for _ in 1...5 {
            try submit(address, to: &queue)
            check(queue.needsKick())
            model.run(0)
            check(queue.popUsed() != nil)
        }
        try submit(address, to: &queue)
        check(queue.needsKick())
        for _ in 0..<2 {
            try submit(address, to: &queue)
            check(!queue.needsKick())
        }
    }

    @Test func aBrokenQueueStartsNoChain() throws {
        var queue = try queue(of: DiskModel(memory, isLegacy: false))
        check(queue.startChain(count: 1) != nil)
        queue.breakOff()
        check(queue.startChain(count: 1) == nil)
    }
}
