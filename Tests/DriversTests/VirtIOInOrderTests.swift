// Devices that use chains in order and say so of several at once (VIRTIO_F_IN_ORDER), in rings of both formats. QEMU 7.2
// has none.

import Drivers
import Testing

@testable import NetStack

@Suite struct VirtIOInOrderTests {
    let memory = TestMemory()
    let pool: PacketPool

    init() {
        let bytes = 513 * PacketPool.bufferSize
        pool = unsafe PacketPool(memory: memory.allocate(bytes)!, byteCount: bytes)!
    }

    private func start(_ model: NetModel) throws -> TestNet {
        try VirtIONet(
            VirtIOMMIO(TestRegisters(model: model)), in: TestDMA(memory: memory), pool: pool, receiveBuffers: 16,
            random: 1)
    }

    private func lent(_ bytes: [UInt8], parts: Int = 1) -> LentPacket {
        var packet = pool.take()!
        packet.resize(to: bytes.count)
        var span = packet.mutableBytes
        for (i, byte) in bytes.enumerated() { span.setByte(byte, i) }
        for _ in 1..<parts {
            var part = pool.take()!
            part.resize(to: 100)
            packet.append(part: part)
        }
        return LentPacket(packet)
    }

    private func model(_ isPacked: Bool, _ features: UInt64 = 0) -> NetModel {
        NetModel(
            memory, isLegacy: false,
            features: 1 << 5 | VirtIOModel.inOrder | (isPacked ? VirtIOModel.ringPacked : 0) | features, capacity: 32)
    }

    /// The driver sees one used element for up to `batch` frames, whose chains have one to three descriptors.
    @Test(arguments: [false, true], [1, 2, 5, 100]) func batchesOfSentFramesAreAllFreed(isPacked: Bool, batch: UInt16)
        throws
    {
        let model = model(isPacked)
        model.batchLimit = batch
        do {
            var net = try start(model)
            #expect(model.driverFeatures & VirtIOModel.inOrder != 0)
            for round in 0..<200 {
                model.isPaused = true
                for i in 0..<10 { check(net.transmit(lent(frame(60, i), parts: 1 + (round + i) % 3)) == nil) }
                net.flush()
                let elements = model.elements
                (model.isPaused, model.sent) = (false, [])
                model.run(1)
                #expect(model.sent.count == 10 && model.elements - elements == (10 + Int(batch) - 1) / Int(batch))
                net.reclaim(now: 0)
                #expect(pool.freeCount == 512 - 16)
            }
            check(net.badUsedIDs == 0 && !net.isBroken)
        }
        #expect(model.complaints == [] && pool.freeCount == 512)
    }

    /// Buffers that were filled completely come without a used element of their own, and with their whole length.
    @Test(arguments: [false, true]) func framesInBuffersOfOneBatchArriveWhole(isPacked: Bool) throws {
        let model = model(isPacked, 1 << 15 | 1 << 3)
        (model.configuration[10], model.configuration[11]) = (0x28, 0x23)  // frames of 9,000 bytes
        var net = try start(model)
        let whole = Packet.capacity + 12
        model.fill = whole
        for count in [60, whole - 12, whole - 11, 3 * whole - 12, 4 * whole - 12, 8000] {
            let elements = model.elements
            model.deliver([frame(count, count)])
            guard let packet = net.receive() else {
                Issue.record("nothing arrived of \(count)")
                return
            }
            check(copy(packet) == frame(count, count), "\(count)")
            let buffers = (count + 12 + whole - 1) / whole
            #expect(model.elements - elements == (buffers + 2) / 3, "\(count)")
            net.reclaim(now: 0)
        }
        #expect(model.complaints == [])
    }

    /// A batch with more chains than the index was moved by, or than the device has.
    @Test(arguments: [false, true]) func aBatchOfMoreThanThereIsBreaksTheQueue(isPacked: Bool) throws {
        let model = model(isPacked)
        model.batchLimit = 4
        var net = try start(model)
        model.isPaused = true
        for i in 0..<4 { check(net.transmit(lent(frame(60, i))) == nil) }
        net.flush()
        model.faults = [isPacked ? .usedID(4) : .usedIndexJump(1)]
        model.run(1)
        net.collectSent()
        check(net.isBroken && net.badUsedIDs == 1)
        #expect(pool.freeCount == 512)
    }
}
