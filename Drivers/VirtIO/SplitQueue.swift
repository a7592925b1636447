// The split virtqueue (VirtIO 1.2, section 2.7): descriptor table, available ring, used ring.

public struct SplitQueue<Memory: DMA>: Virtqueue, ~Copyable {
    /// The greatest queue size used; a device that offers more gets this.
    public static var greatestSize: Int { 256 }
    /// Every device knows this format.
    public static var features: UInt64 { 0 }
    public static var choices: UInt64 { 0 }

    let memory: Memory
    public let number: UInt16
    public let size: UInt16
    let descriptors: DMARing<Memory, VirtqueueDescriptor>
    let availableFlags, availableIndexWord, usedEvent: DMAWord<Memory>
    let availableRing: DMARing<Memory, AvailableEntry>
    let usedFlags, usedIndexWord, availableEvent: DMAWord<Memory>
    let usedRing: DMARing<Memory, UsedEntry>
    let usesEventIndex: Bool
    /// Descriptors are then given out in the table's order, as a device that keeps the order may expect.
    let isInOrder: Bool
    var batch = UsedBatch()
    /// Of a device that keeps the order: the chain that it gives back next.
    var nextHead: UInt16 = 0
    /// By head: a table of `indirectCapacity` descriptors.
    let tables: DMARing<Memory, VirtqueueDescriptor>
    let indirectCapacity: UInt16

    let records: RingTable<VirtqueueRecord>
    var freeHead: UInt16 = 0
    public internal(set) var freeCount: UInt16
    var availableIndex: UInt16 = 0
    var lastUsed: UInt16 = 0
    /// The index of the used ring when it was last read: the entries before it may be taken.
    var knownUsed: UInt16 = 0
    /// `availableIndex` when the device was last notified, or found not to want to be.
    var kickedIndex: UInt16 = 0

    public internal(set) var badUsedIDs = 0
    public internal(set) var badUsedLengths = 0
    /// Nothing is taken from it any more.
    public internal(set) var isBroken = false { didSet { if isBroken { knownUsed = lastUsed } } }

    public init<Transport: VirtIOTransport>(
        _ index: UInt16, of transport: Transport, in memory: Memory, options: VirtqueueOptions = VirtqueueOptions()
    ) throws(VirtIOError) {
        let capacity = transport.queueCapacity(index)
        guard capacity != 0 else { throw transport.refuse(.queueUnavailable) }
        guard !transport.isQueueInUse(index) else { throw transport.refuse(.queueInUse) }
        // A legacy device over PCI fixes the size; over MMIO, and every modern one, takes any power of two up to its
        // greatest.
        let size = min(capacity, UInt32(Self.greatestSize))
        guard size >= 2, size & (size - 1) == 0 else { throw transport.refuse(.queueTooSmall) }
        let layout = SplitLayout(entries: Int(size), isLegacy: transport.isLegacy)
        guard let ring = DMABuffer(byteCount: layout.byteCount, in: memory),
            let records = RingTable(entries: Int(size), in: memory, { VirtqueueRecord() }),
            let tables = options.indirectCapacity == 0
                ? ring
                : DMABuffer(byteCount: VirtqueueDescriptor.byteCount * options.indirectCapacity * Int(size), in: memory)
        else { throw transport.refuse(.noMemory) }
        let base = ring.deviceAddress
        guard
            transport.enableQueue(
                index, size: UInt16(size), descriptors: base, available: base + UInt64(layout.available),
                used: base + UInt64(layout.used))
        else { throw transport.refuse(.queueUnreachable) }

        self.memory = memory
        number = index
        self.size = UInt16(size)
        descriptors = DMARing(ring, at: layout.descriptors, entries: Int(size))
        availableFlags = DMAWord(ring, at: layout.availableFlags)
        availableIndexWord = DMAWord(ring, at: layout.availableIndex)
        availableRing = DMARing(ring, at: layout.availableRing, entries: Int(size))
        usedEvent = DMAWord(ring, at: layout.usedEvent)
        usedFlags = DMAWord(ring, at: layout.usedFlags)
        usedIndexWord = DMAWord(ring, at: layout.usedIndex)
        usedRing = DMARing(ring, at: layout.usedRing, entries: Int(size))
        availableEvent = DMAWord(ring, at: layout.availableEvent)
        usesEventIndex = options.usesEventIndex
        isInOrder = options.isInOrder
        indirectCapacity = UInt16(options.indirectCapacity)
        self.tables = DMARing(tables, at: 0, entries: max(1, options.indirectCapacity) * Int(size))
        self.records = records
        freeCount = UInt16(size)
        linkRecords()
    }

    var someMemory: DMABuffer<Memory> { descriptors.firstEntry }

    /// A queue that is never used, in the place of one; it only needs to have some memory.
    init(idle place: DMABuffer<Memory>, _ records: RingTable<VirtqueueRecord>) {
        memory = place.memory
        (number, size, freeCount, indirectCapacity, usesEventIndex, isInOrder) = (0, 0, 0, 0, false, false)
        descriptors = DMARing(place, at: 0, entries: 1)
        tables = descriptors
        availableFlags = DMAWord(place, at: 0)
        (availableIndexWord, usedEvent, usedFlags) = (availableFlags, availableFlags, availableFlags)
        (usedIndexWord, availableEvent) = (availableFlags, availableFlags)
        availableRing = DMARing(place, at: 0, entries: 1)
        usedRing = DMARing(place, at: 0, entries: 1)
        self.records = records
    }

    /// All descriptors free, in order.
    private func linkRecords() {
        for i in 0..<size { records[i] = VirtqueueRecord(next: (i + 1) & (size - 1)) }
    }

    public mutating func restart<Transport: VirtIOTransport>(of transport: Transport) throws(VirtIOError) {
        for word in [availableFlags, availableIndexWord, usedEvent, usedFlags, usedIndexWord, availableEvent] {
            word.store(0)
        }
        linkRecords()
        (freeHead, freeCount) = (0, size)
        (availableIndex, lastUsed, knownUsed, kickedIndex, nextHead) = (0, 0, 0, 0, 0)
        batch = UsedBatch()
        guard transport.queueCapacity(number) >= UInt32(size) else { throw transport.refuse(.queueTooSmall) }
        let layout = SplitLayout(entries: Int(size), isLegacy: transport.isLegacy)
        let base = descriptors.deviceAddress(0)
        guard
            transport.enableQueue(
                number, size: size, descriptors: base, available: base + UInt64(layout.available),
                used: base + UInt64(layout.used))
        else { throw transport.refuse(.queueUnreachable) }
        isBroken = false
    }

    // MARK: Driver to device

    @inline(__always)
    public func placesNeeded(_ count: UInt16) -> UInt16 { count > 1 && count <= indirectCapacity ? 1 : count }

    @inline(__always)
    public mutating func startChain(count: UInt16) -> VirtqueueChain? {
        let places = placesNeeded(count)
        guard count > 0, places <= freeCount, !isBroken else { return nil }
        freeCount &-= places
        let chain = VirtqueueChain(head: freeHead, places: places, remaining: count, isIndirect: places < count)
        if places < count { startTable(of: chain.head, entries: count) }
        return chain
    }

    /// The chain's one place in the ring points to its table.
    @inline(never)
    private mutating func startTable(of chain: UInt16, entries: UInt16) {
        freeHead = records[chain].next
        let head = Int(chain)
        let length = UInt32(entries) &* UInt32(VirtqueueDescriptor.byteCount)
        descriptors.store64(tables.deviceAddress(head &* Int(indirectCapacity)), head, VirtqueueDescriptor.address)
        descriptors.store64(
            VirtqueueDescriptor.word(length: length, flags: .indirect, next: 0), head,
            VirtqueueDescriptor.lengthFlagsNext)
    }

    @inline(__always) @discardableResult
    public mutating func append(
        _ address: UInt64, byteCount: UInt32, _ direction: DMADirection, to chain: inout VirtqueueChain
    ) -> UInt16 {
        precondition(chain.remaining > 0, "more descriptors than the chain was started with")
        chain.remaining &-= 1
        var flags: DescriptorFlags = chain.remaining > 0 ? .next : []
        if direction == .deviceWrites {
            flags.insert(.write)
            chain.writable &+= byteCount
        }
        if chain.isIndirect {
            chain.tableEntry &+= 1
            write(address, byteCount, flags, to: chain.tableEntry &- 1, ofTable: chain.head)
            return chain.head
        }
        let number = freeHead
        freeHead = records[number].next
        descriptors.store64(address, Int(number), VirtqueueDescriptor.address)
        descriptors.store64(
            VirtqueueDescriptor.word(length: byteCount, flags: flags, next: freeHead), Int(number),
            VirtqueueDescriptor.lengthFlagsNext)
        return number
    }

    @inline(never)
    private func write(
        _ address: UInt64, _ byteCount: UInt32, _ flags: DescriptorFlags, to entry: UInt16, ofTable head: UInt16
    ) {
        let place = Int(head) &* Int(indirectCapacity) &+ Int(entry)
        tables.store64(address, place, VirtqueueDescriptor.address)
        tables.store64(
            VirtqueueDescriptor.word(length: byteCount, flags: flags, next: entry &+ 1), place,
            VirtqueueDescriptor.lengthFlagsNext)
    }

    @inline(__always)
    public mutating func submit(_ chain: VirtqueueChain) {
        precondition(chain.remaining == 0, "fewer descriptors than the chain was started with")
        records[chain.head].places = chain.places
        records[chain.head].writable = chain.writable
        makeAvailable(chain.head)
        publishRenewed()
    }

    /// Writes the next entry of the available ring. The device does not look at it before the index says so.
    @inline(__always)
    mutating func makeAvailable(_ head: UInt16) {
        availableRing.store16(head, Int(availableIndex), AvailableEntry.head)
        availableIndex &+= 1
    }

    @inline(__always)
    public mutating func publishRenewed() {
        memory.orderStores()  // the entries before the index that publishes them
        availableIndexWord.store(availableIndex)
    }

    /// True unless used.flags has NO_NOTIFY, or avail_event was not passed.
    @inline(__always)
    public mutating func needsKick() -> Bool {
        memory.orderAll()  // avail.idx before the device's wish is read, and before the device register is written
        if usesEventIndex {
            let isPassed = availableIndex &- availableEvent.load() &- 1 < availableIndex &- kickedIndex
            kickedIndex = availableIndex
            return isPassed
        }
        return usedFlags.load() & UsedFlags.noNotify == 0
    }
}
