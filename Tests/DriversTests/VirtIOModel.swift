// A small VirtIO device behind MMIO registers, legacy or modern: it really walks the rings in the device's copy of
// memory, complains about drivers that break the rules, and breaks the rules itself on demand.

import Drivers
import Testing

/// A false used element, once.
enum Fault {
    case usedID(UInt32), usedLength(UInt32), usedIndexJump(UInt16), usedTwice
    /// Of a packed ring.
    case wrongWrap
}

class VirtIOModel {
    struct Queue {
        var capacity: UInt32 = 0
        var size: UInt32 = 0
        var isReady = false
        var descriptors: UInt64 = 0, available: UInt64 = 0, used: UInt64 = 0
        var lastAvailable: UInt16 = 0
        var usedIndex: UInt16 = 0
        /// Of a packed ring: the places of the next offered and the next used descriptor, and the laps' wrap counters.
        var offered = PackedPlace()
        var usedPlace = PackedPlace()
        /// Used chains of a device that keeps the order, which are given back at once: the last one, and how many.
        var batch: (head: UInt16, written: UInt32, chains: UInt16, places: Int)?
        /// Of a split ring that is worked in order: the descriptor that the driver uses next.
        var nextDescriptor: UInt16 = 0
        /// This device has overwritten what it was offered, and may not find it any more.
        var isWrecked = false
        var notifications = 0
    }
    @safe
    struct Segment {
        let bytes: UnsafeMutableRawBufferPointer
        let isWritable: Bool
    }

    let memory: TestMemory
    let isLegacy: Bool
    let deviceID: UInt32
    var magic: UInt32 = 0x7472_6976
    var features: UInt64
    var driverFeatures: UInt64 = 0
    var refusesFeatures = false
    var neverResets = false
    /// As virtio-mmio of QEMU 7.2, which offers the feature.
    var neverResetsQueues = false
    var status: UInt32 = 0
    var statusHistory: [UInt32] = []
    var queues: [Queue]
    var configuration: [UInt8]
    var generation: UInt32 = 0
    /// Runs at each configuration read, for changes in mid-read.
    var onConfigurationRead: (() -> Void)?
    var interruptStatus: UInt32 = 0
    var interrupts = 0
    /// Work waits until `run`; else it is done at the notification.
    var isPaused = false
    /// used.flags: ask the driver not to notify.
    var wantsNoNotifications = false { didSet { for i in queues.indices { writeUsedFlags(i) } } }
    var faults: [Fault] = []
    /// A device that keeps the order tells of so many chains at once, where they were used completely.
    var batchLimit: UInt16 = 3
    /// Used elements that it wrote.
    var elements = 0
    /// So many interrupts do not come.
    var losesInterrupts = 0
    var complaints: [String] = []
    private var deviceFeaturesSel: UInt32 = 0, driverFeaturesSel: UInt32 = 0, queueSel = 0, pageSize: UInt32 = 0

    init(
        _ memory: TestMemory, id: UInt32, isLegacy: Bool, features: UInt64, capacities: [UInt32], configuration: [UInt8]
    ) {
        self.memory = memory
        self.isLegacy = isLegacy
        deviceID = id
        self.features = isLegacy ? features : features | 1 << 32 | BothQueueFormats.offered
        queues = capacities.map { Queue(capacity: $0) }
        self.configuration = configuration
    }

    static var inOrder: UInt64 { 1 << 35 }
    static var ringReset: UInt64 { 1 << 40 }
    /// Which features decide the form of the queues.
    static var queueForms: UInt64 { ringPacked | inOrder }
    var keepsOrder: Bool { driverFeatures & Self.inOrder != 0 }
    /// After one false id nothing that the device says of its queue can be believed.
    var isStrict: Bool { driverFeatures & Self.queueForms != 0 }

    /// What the device does with a chain. Returns the bytes it wrote, or nil to leave the chain in the ring for now.
    func process(_ queue: Int, _ chain: [Segment]) -> UInt32? { 0 }

    // MARK: Registers

    func load32(_ offset: Int) -> UInt32 {
        switch offset {
        case 0x000: return magic
        case 0x004: return isLegacy ? 1 : 2
        case 0x008: return deviceID
        case 0x00c: return 0x554d_4551
        case 0x010: return deviceFeaturesSel == 0 ? UInt32(truncatingIfNeeded: features) : UInt32(features >> 32)
        case 0x034: return queueSel < queues.count ? queues[queueSel].capacity : 0
        case 0x040: return isLegacy && queues[queueSel].isReady ? UInt32(queues[queueSel].descriptors / 4096) : 0
        case 0x044: return !isLegacy && queues[queueSel].isReady ? 1 : 0
        case 0x060: return interruptStatus
        case 0x070: return status
        case 0x0c0 where driverFeatures & Self.ringReset != 0: return 0
        case 0x0fc: return generation
        case 0x100...:
            return (0..<4).reduce(0) { $0 | UInt32(load8(offset + $1)) << UInt32(8 * $1) }
        default:
            complaints.append("read of register \(offset)")
            return 0
        }
    }

    func load8(_ offset: Int) -> UInt8 {
        guard offset >= 0x100 else {
            complaints.append("byte read of register \(offset)")
            return 0
        }
        onConfigurationRead?()
        return offset - 0x100 < configuration.count ? configuration[offset - 0x100] : 0xff
    }

    func store32(_ value: UInt32, _ offset: Int) {
        switch offset {
        case 0x014: deviceFeaturesSel = value
        case 0x020:
            if driverFeaturesSel == 0 {
                driverFeatures = driverFeatures & ~0xffff_ffff | UInt64(value)
            } else {
                driverFeatures = driverFeatures & 0xffff_ffff | UInt64(value) << 32
            }
        case 0x024: driverFeaturesSel = value
        case 0x028 where isLegacy: pageSize = value
        case 0x030: queueSel = Int(value)
        case 0x038: queues[queueSel].size = value
        case 0x03c where isLegacy: if value != 4096 { complaints.append("QueueAlign \(value)") }
        case 0x040 where isLegacy: enableLegacy(value)
        case 0x044 where !isLegacy: queues[queueSel].isReady = value == 1
        case 0x050: notify(Int(value))
        case 0x0c0 where driverFeatures & Self.ringReset != 0:
            if !neverResetsQueues { queues[queueSel] = Queue(capacity: queues[queueSel].capacity) }
        case 0x064: interruptStatus &= ~value
        case 0x070: writeStatus(value)
        case 0x080 where !isLegacy: setLow(&queues[queueSel].descriptors, value)
        case 0x084 where !isLegacy: setHigh(&queues[queueSel].descriptors, value)
        case 0x090 where !isLegacy: setLow(&queues[queueSel].available, value)
        case 0x094 where !isLegacy: setHigh(&queues[queueSel].available, value)
        case 0x0a0 where !isLegacy: setLow(&queues[queueSel].used, value)
        case 0x0a4 where !isLegacy: setHigh(&queues[queueSel].used, value)
        default: complaints.append("write of \(value) to register \(offset)")
        }
    }

    private func setLow(_ address: inout UInt64, _ value: UInt32) { address = address & ~0xffff_ffff | UInt64(value) }
    private func setHigh(_ address: inout UInt64, _ value: UInt32) {
        address = address & 0xffff_ffff | UInt64(value) << 32
    }

    private func enableLegacy(_ page: UInt32) {
        let size = UInt64(queues[queueSel].size), base = UInt64(page) * UInt64(pageSize)
        queues[queueSel].descriptors = base
        queues[queueSel].available = base + 16 * size
        queues[queueSel].used = (base + 18 * size + 6 + 4095) & ~4095
        queues[queueSel].isReady = page != 0
    }

    private func writeStatus(_ value: UInt32) {
        statusHistory.append(value)
        if value == 0 {
            if neverResets { return }
            for i in queues.indices { queues[i] = Queue(capacity: queues[i].capacity) }
            (driverFeatures, interruptStatus, status) = (0, 0, 0)
            wasReset()
            return
        }
        if driverFeatures & ~features != 0 { complaints.append("features taken that were not offered") }
        status = value
        if refusesFeatures { status &= ~8 }
    }

    /// The device has lost itself (DEVICE_NEEDS_RESET) and does nothing any more.
    func loseItself() {
        guard status & 4 != 0 else { return }
        status |= 64
        interruptStatus |= 2
    }

    /// A reset that the driver did not ask for.
    func resetByOthers() {
        for i in queues.indices { queues[i] = Queue(capacity: queues[i].capacity) }
        (driverFeatures, interruptStatus, status) = (0, 0, 0)
        wasReset()
    }

    /// The device has forgotten what it was told.
    func wasReset() {}

    func changeConfiguration(_ offset: Int, _ value: UInt8) {
        configuration[offset] = value
        generation &+= 1
        interruptStatus |= 2
    }

    // MARK: Rings

    func at(_ address: UInt64, _ count: Int) -> UnsafeMutableRawPointer? {
        guard let pointer = unsafe memory.deviceSide(address, count) else {
            complaints.append("address \(address) is not DMA memory")
            return nil
        }
        return unsafe pointer
    }

    private func notify(_ queue: Int) {
        queues[queue].notifications += 1
        if status & 4 == 0, statusHistory.last != 15, statusHistory.last != 7 {
            complaints.append("notification before DRIVER_OK")
        }
        if !isPaused { run(queue) }
    }

    private func writeUsedFlags(_ i: Int) {
        if isPacked { return writeDeviceEvent(i) }
        if queues[i].isReady, usesEventIndex { writeAvailEvent(i) }
        if queues[i].isReady {
            unsafe at(queues[i].used, 2)?.storeBytes(of: wantsNoNotifications ? 1 : 0, as: UInt16.self)
        }
    }

    /// Chains the driver offers that the device has not taken.
    func pending(_ i: Int) -> Int {
        if isPacked { return pendingPacked(i) }
        guard queues[i].isReady, let index = unsafe at(queues[i].available + 2, 2) else { return 0 }
        return unsafe Int(index.load(as: UInt16.self) &- queues[i].lastAvailable)
    }

    /// Works on everything in the available ring of a queue.
    func run(_ i: Int) {
        guard status & 64 == 0 else { return }
        defer { endBatch(i) }
        if isPacked {
            while runOnePacked(i) {}
            return
        }
        while pending(i) > 0 {
            if pending(i) > Int(queues[i].size) { complaints.append("avail.idx ran ahead of the ring"); return }
            guard runOne(i) else { return }
        }
    }

    private func runOne(_ i: Int) -> Bool {
        let queue = queues[i]
        let slot = UInt64(queue.lastAvailable) % UInt64(queue.size)
        guard let head = unsafe at(queue.available + 4 + 2 * slot, 2)?.load(as: UInt16.self) else { return false }
        var chain: [Segment] = []
        var number = head
        var next = queue.nextDescriptor
        while true {
            guard chain.count < Int(queue.size), UInt32(number) < queue.size,
                let entry = unsafe at(queue.descriptors + 16 * UInt64(number), 16)
            else { complaints.append("a chain that does not end"); return false }
            let address = unsafe entry.load(as: UInt64.self),
                length = unsafe Int(entry.load(fromByteOffset: 8, as: UInt32.self))
            let flags = unsafe entry.load(fromByteOffset: 12, as: UInt16.self)
            if keepsOrder {
                if number != next { complaints.append("a descriptor out of the table's order") }
                next = UInt16((UInt32(next) + 1) % queue.size)
            }
            if flags & 4 != 0 {
                guard readTable(address, length, flags, &chain) else { return false }
                break
            }
            guard let bytes = unsafe at(address, length) else { return false }
            if flags & 2 == 0, chain.last?.isWritable == true { complaints.append("readable after writable") }
            unsafe chain.append(Segment(bytes: .init(start: bytes, count: length), isWritable: flags & 2 != 0))
            if flags & 1 == 0 { break }
            number = unsafe entry.load(fromByteOffset: 14, as: UInt16.self)
        }
        guard let written = process(i, chain) else { return false }
        queues[i].lastAvailable &+= 1
        queues[i].nextDescriptor = next
        if usesEventIndex { writeAvailEvent(i) }
        giveBack(i, head, written, chain)
        return true
    }

    /// A chain in a table of its own (section 2.7.5.3).
    private func readTable(_ address: UInt64, _ length: Int, _ flags: UInt16, _ chain: inout [Segment]) -> Bool {
        if driverFeatures & 1 << 28 == 0 { complaints.append("an indirect table that was not negotiated") }
        guard flags & 1 == 0, chain.isEmpty, length > 0, length % 16 == 0, unsafe at(address, length) != nil else {
            complaints.append("an indirect table of a false form")
            return false
        }
        var number = 0
        while true {
            guard number < length / 16, chain.count <= length / 16,
                let entry = unsafe at(address + 16 * UInt64(number), 16),
                let bytes = unsafe at(entry.load(as: UInt64.self), Int(entry.load(fromByteOffset: 8, as: UInt32.self)))
            else { complaints.append("an indirect chain that does not end"); return false }
            let flags = unsafe entry.load(fromByteOffset: 12, as: UInt16.self)
            unsafe chain.append(
                Segment(
                    bytes: .init(start: bytes, count: Int(entry.load(fromByteOffset: 8, as: UInt32.self))),
                    isWritable: flags & 2 != 0))
            if flags & 1 == 0 { return true }
            number = unsafe Int(entry.load(fromByteOffset: 14, as: UInt16.self))
        }
    }

    var usesEventIndex: Bool { driverFeatures & 1 << 29 != 0 }
    /// avail_event: at which chain this device wants to be notified next.
    private func writeAvailEvent(_ i: Int) {
        let event = wantsNoNotifications ? queues[i].lastAvailable &+ 0x8000 : queues[i].lastAvailable
        unsafe at(queues[i].used + 4 + 8 * UInt64(queues[i].size), 2)?.storeBytes(of: event, as: UInt16.self)
    }

    /// A chain is used: the driver is told at once, unless it may learn that from a later one of the same batch.
    func giveBack(_ i: Int, _ head: UInt16, _ written: UInt32, _ chain: [Segment], places: Int = 1) {
        let batch = queues[i].batch
        queues[i].batch = (head, written, (batch?.chains ?? 0) + 1, (batch?.places ?? 0) + places)
        let writable = chain.reduce(0) { unsafe $0 + ($1.isWritable ? $1.bytes.count : 0) }
        if !keepsOrder || Int(written) != writable || queues[i].batch!.chains >= batchLimit { endBatch(i) }
    }

    private func endBatch(_ i: Int) {
        guard let batch = queues[i].batch else { return }
        queues[i].batch = nil
        if isPacked {
            pushPacked(i, batch.head, batch.written, places: batch.places)
        } else {
            push(i, UInt32(batch.head), batch.written, chains: batch.chains)
        }
    }

    private func push(_ i: Int, _ head: UInt32, _ written: UInt32, chains: UInt16 = 1) {
        var (id, length, step) = (head, written, chains)
        elements += 1
        if !faults.isEmpty {
            switch faults.removeFirst() {
            case .usedID(let false_): id = false_
            case .usedLength(let false_): length = false_
            case .usedIndexJump(let jump): step = jump
            case .usedTwice: push(i, head, written, chains: chains)
            case .wrongWrap: break
            }
        }
        let slot = UInt64(queues[i].usedIndex) % UInt64(queues[i].size)
        unsafe at(queues[i].used + 4 + 8 * slot, 8)?.storeBytes(of: UInt64(id) | UInt64(length) << 32, as: UInt64.self)
        queues[i].usedIndex &+= step
        unsafe at(queues[i].used + 2, 2)?.storeBytes(of: queues[i].usedIndex, as: UInt16.self)
        var isWanted = unsafe at(queues[i].available, 2)?.load(as: UInt16.self) == 0
        if usesEventIndex {
            let event = unsafe at(queues[i].available + 4 + 2 * UInt64(queues[i].size), 2)?.load(as: UInt16.self) ?? 0
            isWanted = queues[i].usedIndex &- event &- 1 < step
        }
        if isWanted { interrupt() }
    }

    func interrupt() {
        if losesInterrupts > 0 {
            losesInterrupts -= 1
        } else {
            interruptStatus |= 1
            interrupts += 1
        }
    }

    /// Pushes an element for a chain that the driver did not give.
    func pushStray(_ i: Int, id: UInt32, length: UInt32) {
        if isPacked { pushPacked(i, UInt16(truncatingIfNeeded: id), length) } else { push(i, id, length) }
    }
}

struct TestRegisters: Registers {
    let model: VirtIOModel
    func load8(_ offset: Int) -> UInt8 { model.load8(offset) }
    func load16(_ offset: Int) -> UInt16 { UInt16(model.load8(offset)) | UInt16(model.load8(offset + 1)) << 8 }
    func load32(_ offset: Int) -> UInt32 { model.load32(offset) }
    func load64(_ offset: Int) -> UInt64 { fatalError("VirtIO has no 64-bit registers") }
    func store8(_ value: UInt8, _ offset: Int) { fatalError("no byte writes") }
    func store16(_ value: UInt16, _ offset: Int) { fatalError("no 16-bit writes") }
    func store32(_ value: UInt32, _ offset: Int) { model.store32(value, offset) }
    func store64(_ value: UInt64, _ offset: Int) { fatalError("VirtIO has no 64-bit registers") }
}
