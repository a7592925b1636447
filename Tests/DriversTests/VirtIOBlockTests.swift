// The block driver against the model: start-up, requests, full queue, wrap of the ring indexes, and a device that lies.

import Drivers
import Testing

/// A disk of `sectors` sectors; byte i of sector s is s + i at first.
final class DiskModel: VirtIOModel {
    var disk: [UInt8]
    var failing = false
    var writesNoStatus = false
    var flushes = 0

    init(
        _ memory: TestMemory, isLegacy: Bool, sectors: Int = 128, features: UInt64 = 1 << 2 | 1 << 9,
        capacity: UInt32 = 64
    ) {
        disk = (0..<sectors * 512).map { UInt8(truncatingIfNeeded: $0 / 512 + $0 % 512) }
        var configuration = [UInt8](repeating: 0, count: 64)
        unsafe withUnsafeBytes(of: UInt64(sectors)) { unsafe configuration.replaceSubrange(0..<8, with: $0) }
        configuration[12] = 62  // seg_max
        super.init(
            memory, id: 2, isLegacy: isLegacy, features: features, capacities: [capacity], configuration: configuration)
    }

    override func process(_ queue: Int, _ chain: [Segment]) -> UInt32? {
        guard let header = chain.first, unsafe header.bytes.count == 16, !header.isWritable,
            let status = chain.last, unsafe status.bytes.count == 1, status.isWritable
        else {
            complaints.append("not a block request")
            return 0
        }
        let type = unsafe header.bytes.load(as: UInt32.self)
        var offset = unsafe Int(header.bytes.load(fromByteOffset: 8, as: UInt64.self)) * 512
        var written: UInt32 = 1
        if type == 4 { flushes += 1 }
        for segment in chain.dropFirst().dropLast() {
            if segment.isWritable != (type == 0) { complaints.append("segment of the wrong direction") }
            if failing { continue }
            if type == 0 {
                unsafe segment.bytes.copyBytes(from: disk[offset..<offset + segment.bytes.count])
                unsafe written += UInt32(segment.bytes.count)
            } else {
                unsafe disk.replaceSubrange(offset..<offset + segment.bytes.count, with: segment.bytes)
            }
            unsafe offset += segment.bytes.count
        }
        if !writesNoStatus { unsafe status.bytes[0] = failing ? 1 : 0 } else { unsafe status.bytes[0] = 0xff }
        return written
    }
}

typealias TestBlock = VirtIOBlock<VirtIOMMIO<TestRegisters>, AnyQueue<TestDMA>>

@Suite(.bothQueueFormats) struct VirtIOBlockTests {
    let memory = TestMemory()
    var dma: TestDMA { TestDMA(memory: memory) }

    func start(_ model: VirtIOModel) throws(VirtIOError) -> TestBlock {
        try VirtIOBlock(VirtIOMMIO(TestRegisters(model: model)), in: dma)
    }

    func reason(_ model: VirtIOModel) -> VirtIOError? {
        do { _ = try start(model) } catch { return error }
        return nil
    }

    @Test(arguments: [true, false]) func startUpFollowsTheStatusDance(isLegacy: Bool) throws {
        let model = DiskModel(memory, isLegacy: isLegacy)
        let disk = try start(model)
        #expect(model.statusHistory == (isLegacy ? [0, 1, 3, 7] : [0, 1, 3, 11, 15]))
        check(disk.capacity == 128)
        check(disk.segmentLimit == 62)
        check(disk.canFlush)
        check(!disk.isReadOnly)
        #expect(model.complaints == [])
    }

    @Test func devicesThatCannotBeDrivenAreRefusedWithTheReason() {
        let noMagic = DiskModel(memory, isLegacy: true)
        noMagic.magic = 0
        #expect(reason(noMagic) == .notVirtIO)
        #expect(
            reason(VirtIOModel(memory, id: 0, isLegacy: true, features: 0, capacities: [], configuration: []))
                == .noDevice)
        #expect(
            reason(VirtIOModel(memory, id: 1, isLegacy: true, features: 0, capacities: [], configuration: []))
                == .wrongDevice)
        let stuck = DiskModel(memory, isLegacy: false)
        stuck.neverResets = true
        stuck.status = 15
        #expect(reason(stuck) == .resetTimedOut)
        let transitional = DiskModel(memory, isLegacy: false)
        transitional.features &= ~(1 << 32)
        #expect(reason(transitional) == .notModern)
        let refusing = DiskModel(memory, isLegacy: false)
        refusing.refusesFeatures = true
        #expect(reason(refusing) == .featuresRefused)
        #expect(refusing.status & 128 != 0)
        #expect(reason(DiskModel(memory, isLegacy: false, capacity: 0)) == .queueUnavailable)
        memory.limit = 0
        #expect(reason(DiskModel(memory, isLegacy: true)) == .noMemory)
    }

    /// A split ring has a power of two of places, a packed one any number.
    @Test func aQueueMayHaveAnySizeIfItIsPacked() {
        let isAnySizeGood = BothQueueFormats.offered & VirtIOModel.ringPacked != 0
        #expect(reason(DiskModel(memory, isLegacy: false, capacity: 100)) == (isAnySizeGood ? nil : .queueTooSmall))
    }

    @Test(arguments: [true, false]) func readsAndWritesScatteredSegments(isLegacy: Bool) throws {
        let model = DiskModel(memory, isLegacy: isLegacy)
        var disk = try start(model)
        let buffer = unsafe memory.allocate(8192)!
        let pieces = (0..<3).map { unsafe BlockSegment(unsafe: buffer + 2048 * $0, byteCount: 1024) }
        let read = try #require(try disk.submit(.read, sector: 5, segmentCount: 3) { pieces[$0] })
        check(disk.completed()?.token == read)
        check(disk.completed() == nil)
        for i in 0..<3 {
            for j in 0..<1024 {
                unsafe #expect((buffer + 2048 * i + j).load(as: UInt8.self) == model.disk[5 * 512 + 1024 * i + j])
            }
        }
        unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0x77, count: 1024)
        let write = unsafe try #require(
            try disk.submit(.write, sector: 9, BlockSegment(unsafe: buffer, byteCount: 1024)))
        let flush = try #require(try disk.submitFlush())
        check(disk.completed()?.token == write)
        let last = disk.completed()
        #expect(last?.token == flush)
        #expect(last?.status == .done)
        #expect(model.disk[9 * 512..<11 * 512].allSatisfy { $0 == 0x77 })
        #expect(model.disk[11 * 512] == 11)
        #expect(model.flushes == 1)
        #expect(model.complaints == [])
        check(disk.requestsUnderWay == 0)
    }

    @Test func refusesRequestsThatMakeNoSense() throws {
        let model = DiskModel(memory, isLegacy: false, features: 1 << 5)
        var disk = try start(model)
        let buffer = unsafe memory.allocate(4096)!
        let sectorOfBuffer = unsafe BlockSegment(unsafe: buffer, byteCount: 512),
            odd = unsafe BlockSegment(unsafe: buffer, byteCount: 100)
        #expect(throws: BlockError.readOnly) { try disk.submit(.write, sector: 0, sectorOfBuffer) }
        #expect(throws: BlockError.beyondCapacity) { try disk.submit(.read, sector: 128, sectorOfBuffer) }
        #expect(throws: BlockError.beyondCapacity) { try disk.submit(.read, sector: .max, sectorOfBuffer) }
        #expect(throws: BlockError.badSegment) { try disk.submit(.read, sector: 0, odd) }
        #expect(throws: BlockError.tooManySegments) {
            try disk.submit(.read, sector: 0, segmentCount: 99) { _ in sectorOfBuffer }
        }
        #expect(model.pending(0) == 0)
        // sector and segment of a flush mean nothing
        let flush = unsafe try disk.submit(.flush, sector: .max, BlockSegment(unsafe: buffer, byteCount: 1))
        #expect(flush != nil)
        check(disk.completed()?.status == .done)
    }

    @Test func fullQueueTakesNoMoreAndRecovers() throws {
        let model = DiskModel(memory, isLegacy: true, capacity: 16)
        var disk = try start(model)
        let buffer = unsafe memory.allocate(4096)!
        model.isPaused = true
        for _ in 0..<3 {
            var tokens: [UInt16] = []
            while let token = unsafe try disk.submit(.read, sector: 1, BlockSegment(unsafe: buffer, byteCount: 512)) {
                tokens.append(token.index)
            }
            #expect(tokens.count == 5)  // 16 descriptors, 3 a request
            #expect(Set(tokens).count == 5)
            model.run(0)
            var back: [UInt16] = []
            while let completion = disk.completed() { back.append(completion.token.index) }
            #expect(back == tokens)
        }
        #expect(model.complaints == [])
    }

    @Test(arguments: [true, false]) func indexesWrapOver65536Entries(isLegacy: Bool) throws {
        let model = DiskModel(memory, isLegacy: isLegacy, capacity: 8)
        var disk = try start(model)
        let buffer = unsafe memory.allocate(4096)!
        for i in 0..<70_000 {
            let sector = UInt64(i % 128)
            guard
                let token = unsafe try disk.submit(.read, sector: sector, BlockSegment(unsafe: buffer, byteCount: 512))
            else {
                Issue.record("avail ring stalled at request \(i)")
                return
            }
            guard let completion = disk.completed(), completion.token == token, completion.status == .done,
                unsafe buffer.load(as: UInt8.self) == UInt8(sector)
            else {
                Issue.record("request \(i) did not come back as it should")
                return
            }
        }
        #expect(model.complaints == [])
    }

    @Test func falseUsedIDsAreCountedAndNotFollowed() throws {
        let model = DiskModel(memory, isLegacy: false)
        var disk = try start(model)
        let isStrict = model.isStrict
        let buffer = unsafe memory.allocate(4096)!
        // Where the ring is packed or the order kept, the first one makes the queue worthless.
        for id: UInt32 in [64, 0xffff_ffff, 40] {
            model.pushStray(0, id: id, length: 1)
            guard isStrict else { continue }
            check(disk.completed() == nil)
            check(disk.isBroken && disk.badUsedIDs == 1)
            disk = try start(model)
        }
        check(disk.completed() == nil)
        check(disk.badUsedIDs == (isStrict ? 0 : 3))
        let token = unsafe try disk.submit(.read, sector: 0, BlockSegment(unsafe: buffer, byteCount: 512))!
        model.pushStray(0, id: UInt32(token.index), length: 1)  // the same once more
        check(disk.completed()?.token == token)
        check(disk.completed() == nil)
        check(disk.badUsedIDs == (isStrict ? 1 : 4))
    }

    @Test func falseUsedLengthsAreCutAndCounted() throws {
        let model = DiskModel(memory, isLegacy: false)
        var disk = try start(model)
        model.faults = [.usedLength(0xffff_fff0)]
        _ = unsafe try disk.submit(.read, sector: 0, BlockSegment(unsafe: memory.allocate(4096)!, byteCount: 512))
        check(disk.completed()?.status == .done)
        check(disk.badUsedLengths == 1)
    }

    @Test func usedIndexThatRunsAheadBreaksTheQueueForGood() throws {
        let model = DiskModel(memory, isLegacy: false)
        var disk = try start(model)
        model.faults = [model.isPacked ? .wrongWrap : .usedIndexJump(1000)]
        let buffer = unsafe memory.allocate(4096)!
        _ = unsafe try disk.submit(.read, sector: 0, BlockSegment(unsafe: buffer, byteCount: 512))
        check(disk.completed() == nil)
        check(disk.isBroken)
        let sectorOfBuffer = unsafe BlockSegment(unsafe: buffer, byteCount: 512)
        #expect(throws: BlockError.deviceBroken) { try disk.submit(.read, sector: 0, sectorOfBuffer) }
    }

    /// A device that was given up, silent or lying, is brought back: what was under way is the caller's to send again.
    @Test(arguments: [(true, false), (false, false), (true, true), (false, true)])
    func aDeviceThatWasGivenUpIsBroughtBack(isLegacy: Bool, lies: Bool) throws {
        let model = DiskModel(memory, isLegacy: isLegacy, capacity: 16)
        var disk = try start(model)
        let buffer = unsafe memory.allocate(4096)!
        for round in 0..<3 {
            if lies {
                model.faults = [model.isPacked ? .wrongWrap : .usedIndexJump(1000)]
            } else {
                model.isPaused = true
            }
            for _ in 0..<3 {
                _ = unsafe try disk.submit(.read, sector: 1, BlockSegment(unsafe: buffer, byteCount: 512))
            }
            check(disk.completed() == nil)
            if !lies { disk.giveUp() }
            check(disk.isBroken && !disk.mayStillWrite)
            model.isPaused = false
            model.faults = []
            try disk.restart()
            check(!disk.isBroken && disk.requestsUnderWay == 0 && disk.completed() == nil)
            for sector in 0..<40 {
                let token = unsafe try disk.submit(
                    .read, sector: UInt64(sector + round), BlockSegment(unsafe: buffer, byteCount: 512))
                let completion = disk.completed()
                #expect(token != nil && completion?.token == token && completion?.status == .done)
                unsafe #expect(buffer.load(as: UInt8.self) == UInt8(sector + round))
            }
        }
        #expect(model.complaints == [])
    }

    /// It is not the disk that it was: another size, other features, no reset.
    @Test func aDeviceThatComesBackAsAnotherStaysGivenUp() throws {
        let model = DiskModel(memory, isLegacy: false)
        var disk = try start(model)
        model.neverResets = true
        disk.giveUp()
        check(disk.mayStillWrite)
        func restart() -> VirtIOError? {
            do throws(VirtIOError) { try disk.restart() } catch { return error }
            return nil
        }
        #expect(restart() == .resetTimedOut)
        model.neverResets = false
        model.configuration[0] = 127
        #expect(restart() == .badConfiguration)
        check(!disk.mayStillWrite)
        model.configuration[0] = 128
        model.features &= ~(1 << 9)
        #expect(restart() == .missingFeature)
        model.features |= 1 << 9
        model.queues[0].capacity = 2
        #expect(restart() == .queueTooSmall)
        check(disk.isBroken)
        model.queues[0].capacity = 64
        #expect(restart() == nil)
        check(!disk.isBroken)
    }

    @Test func statusByteTellsFailureFromNoAnswer() throws {
        let model = DiskModel(memory, isLegacy: false)
        var disk = try start(model)
        let buffer = unsafe memory.allocate(4096)!
        model.failing = true
        _ = unsafe try disk.submit(.read, sector: 0, BlockSegment(unsafe: buffer, byteCount: 512))
        check(disk.completed()?.status == .failed)
        model.writesNoStatus = true
        _ = unsafe try disk.submit(.read, sector: 0, BlockSegment(unsafe: buffer, byteCount: 512))
        check(disk.completed()?.status == .noAnswer)
    }

    @Test func handlerMasksAndDriverRearmsWithoutLosingACompletion() throws {
        let model = DiskModel(memory, isLegacy: true)
        var disk = try start(model)
        let handler = disk.interrupt
        let buffer = unsafe memory.allocate(4096)!
        #expect(handler.acknowledge(masking: true) == [])
        _ = unsafe try disk.submit(.read, sector: 0, BlockSegment(unsafe: buffer, byteCount: 512))
        #expect(handler.acknowledge(masking: true) == .queue)
        #expect(model.interruptStatus == 0)
        check(disk.completed() != nil)
        // finishes while masked
        _ = unsafe try disk.submit(.read, sector: 0, BlockSegment(unsafe: buffer, byteCount: 512))
        #expect(model.interrupts == 1)
        check(disk.rearm())
        check(disk.completed() != nil)
        check(!disk.rearm())
        _ = unsafe try disk.submit(.read, sector: 0, BlockSegment(unsafe: buffer, byteCount: 512))
        #expect(model.interrupts == 2)
    }

    @Test func kickIsLeftOutWhenTheDeviceSaysNoNotify() throws {
        let model = DiskModel(memory, isLegacy: true)
        var disk = try start(model)
        model.wantsNoNotifications = true
        let token = unsafe try disk.submit(
            .read, sector: 0, BlockSegment(unsafe: memory.allocate(4096)!, byteCount: 512))
        #expect(model.queues[0].notifications == 0)
        model.run(0)
        check(disk.completed()?.token == token)
    }

    @Test func configurationThatChangesInMidReadIsReadAgain() throws {
        let model = DiskModel(memory, isLegacy: false)
        var reads = 0
        model.onConfigurationRead = {
            reads += 1
            if reads == 5 {  // between the low and the high half
                model.configuration[4] = 1
                model.configuration[0] = 7
                model.generation += 1
            }
        }
        let capacity = try start(model).capacity
        #expect(capacity == 1 << 32 | 7)
    }
}
