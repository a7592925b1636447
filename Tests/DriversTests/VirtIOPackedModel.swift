// The device's side of packed rings (VirtIO 1.2, section 2.8), for VirtIOModel: places and wrap counters are kept as
// the specification describes them, not as the driver does.

import Drivers
import Testing

/// A place in a packed ring, and the wrap counter of the side that is there.
struct PackedPlace {
    var slot = 0
    var wrap = true

    mutating func advance(_ count: Int, size: Int) {
        for _ in 0..<count {
            slot += 1
            if slot == size { (slot, wrap) = (0, !wrap) }
        }
    }

    func advanced(_ count: Int, size: Int) -> PackedPlace {
        var place = self
        place.advance(count, size: size)
        return place
    }

    var word: UInt16 { UInt16(slot) | (wrap ? 0x8000 : 0) }
}

extension VirtIOModel {
    static var ringPacked: UInt64 { 1 << 34 }
    var isPacked: Bool { driverFeatures & Self.ringPacked != 0 }

    private struct Descriptor {
        let address: UInt64
        let length: Int
        let id, flags: UInt16
    }

    private func descriptor(_ address: UInt64) -> Descriptor? {
        guard let entry = unsafe at(address, 16) else { return nil }
        return unsafe Descriptor(
            address: entry.load(as: UInt64.self), length: Int(entry.load(fromByteOffset: 8, as: UInt32.self)),
            id: entry.load(fromByteOffset: 12, as: UInt16.self), flags: entry.load(fromByteOffset: 14, as: UInt16.self))
    }

    /// The descriptor at a place, when the driver has made it available there.
    private func offered(_ i: Int, _ place: PackedPlace) -> Descriptor? {
        guard let entry = descriptor(queues[i].descriptors + 16 * UInt64(place.slot)) else { return nil }
        let isAvailable = entry.flags & 0x80 != 0, isUsed = entry.flags & 0x8000 != 0
        return isAvailable == place.wrap && isUsed != place.wrap ? entry : nil
    }

    func pendingPacked(_ i: Int) -> Int {
        guard queues[i].isReady else { return 0 }
        let size = Int(queues[i].size)
        var place = queues[i].offered, chains = 0, looked = 0
        while looked < size, let entry = offered(i, place) {
            if entry.flags & 1 == 0 { chains += 1 }
            place.advance(1, size: size)
            looked += 1
        }
        return chains
    }

    /// Works on the next chain; false when there is none, or it stays in the ring for now.
    func runOnePacked(_ i: Int) -> Bool {
        guard queues[i].isReady else { return false }
        let size = Int(queues[i].size)
        var place = queues[i].offered, chain: [Segment] = [], places = 0
        guard var entry = offered(i, place) else { return false }
        while true {
            places += 1
            if entry.flags & 4 != 0 {
                guard places == 1, readPackedTable(entry, &chain) else {
                    complaints.append("an indirect table of a false form")
                    return false
                }
                break
            }
            guard let bytes = unsafe at(entry.address, entry.length) else { return false }
            if entry.flags & 2 == 0, chain.last?.isWritable == true { complaints.append("readable after writable") }
            unsafe chain.append(
                Segment(bytes: .init(start: bytes, count: entry.length), isWritable: entry.flags & 2 != 0))
            if entry.flags & 1 == 0 { break }
            place.advance(1, size: size)
            guard places < size, let next = offered(i, place) else {
                if !queues[i].isWrecked { complaints.append("a chain that was given away before its end") }
                return false
            }
            entry = next
        }
        guard entry.id < queues[i].size else { complaints.append("a buffer id beyond the queue"); return false }
        guard let written = process(i, chain) else { return false }
        queues[i].offered.advance(places, size: size)
        if usesEventIndex || wantsNoNotifications { writeDeviceEvent(i) }
        giveBack(i, entry.id, written, chain, places: places)
        return true
    }

    /// Entries in sequence, as many as the length says (section 2.8.7).
    private func readPackedTable(_ entry: Descriptor, _ chain: inout [Segment]) -> Bool {
        guard driverFeatures & 1 << 28 != 0, entry.flags & 3 == 0, entry.length > 0, entry.length % 16 == 0 else {
            return false
        }
        for number in 0..<entry.length / 16 {
            guard let part = descriptor(entry.address + 16 * UInt64(number)), part.flags & ~2 == 0,
                let bytes = unsafe at(part.address, part.length)
            else { return false }
            unsafe chain.append(
                Segment(bytes: .init(start: bytes, count: part.length), isWritable: part.flags & 2 != 0))
        }
        return true
    }

    /// When this device wants to be notified: at the next place that it looks at, or never.
    func writeDeviceEvent(_ i: Int) {
        guard queues[i].isReady, let event = unsafe at(queues[i].used, 4) else { return }
        unsafe event.storeBytes(of: queues[i].offered.word, as: UInt16.self)
        let flags: UInt16 = wantsNoNotifications ? 1 : usesEventIndex ? 2 : 0
        unsafe event.storeBytes(of: flags, toByteOffset: 2, as: UInt16.self)
    }

    /// - Parameter places: those of the chain, or of its whole batch.
    func pushPacked(_ i: Int, _ head: UInt16, _ written: UInt32, places: Int = 1) {
        let size = Int(queues[i].size)
        var (id, length, wrap) = (head, written, queues[i].usedPlace.wrap)
        var places = places
        elements += 1
        var isTwice = false
        if !faults.isEmpty {
            switch faults.removeFirst() {
            case .usedID(let false_): id = UInt16(truncatingIfNeeded: false_)
            case .usedLength(let false_): length = false_
            case .usedIndexJump(let jump): (places, queues[i].isWrecked) = (Int(jump) % (size - 1) + 1, true)
            case .usedTwice: (isTwice, queues[i].isWrecked) = (true, true)
            case .wrongWrap: wrap.toggle()
            }
        }
        let place = queues[i].usedPlace
        if let entry = unsafe at(queues[i].descriptors + 16 * UInt64(place.slot), 16) {
            unsafe entry.storeBytes(of: length, toByteOffset: 8, as: UInt32.self)
            unsafe entry.storeBytes(of: id, toByteOffset: 12, as: UInt16.self)
            unsafe entry.storeBytes(of: wrap ? 0x8080 : 0, toByteOffset: 14, as: UInt16.self)
        }
        queues[i].usedPlace.advance(places, size: size)
        if isTwice { pushPacked(i, head, written, places: places) }
        guard let event = unsafe at(queues[i].available, 4) else { return }
        let wanted = unsafe event.load(as: UInt16.self)
        switch unsafe event.load(fromByteOffset: 2, as: UInt16.self) {
        case 0: interrupt()
        case 1: break
        case 2 where usesEventIndex:
            if (0..<places).contains(where: { place.advanced($0, size: size).word == wanted }) { interrupt() }
        default: complaints.append("driver event flags that were not agreed on")
        }
    }
}

/// Runs each test of a suite with modern devices of every form of queues: split and packed, and both in order.
struct BothQueueFormats: SuiteTrait, TestTrait, TestScoping {
    /// Features that modern devices offer beside their own.
    @TaskLocal static var offered: UInt64 = 0
    let isRecursive = true

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        for form in [0, VirtIOModel.ringPacked, VirtIOModel.inOrder, VirtIOModel.queueForms] {
            try await Self.$offered.withValue(form) { try await function() }
        }
    }
}

extension Trait where Self == BothQueueFormats {
    static var bothQueueFormats: Self { Self() }
}
