// The packed virtqueue (VirtIO 1.2, section 2.8): one ring of descriptors, in which the device overwrites what it was
// offered with what it has used.
//
// A position counts descriptors and runs on; its low bits are the place in the ring, and the bit above them is clear
// in the laps in which the wrap counter is 1. Buffer ids are taken from a list of free ones, one for each descriptor,
// so that a chain's pieces have numbers as in a split queue.

public struct PackedQueue<Memory: DMA>: Virtqueue, ~Copyable {
    /// The greatest queue size used; a device that offers more gets this.
    public static var greatestSize: Int { 256 }
    public static var features: UInt64 { VirtIOFeature.ringPacked }
    public static var choices: UInt64 { VirtIOFeature.ringPacked }

    let memory: Memory
    public let number: UInt16
    public let size: UInt16
    let ring: DMARing<Memory, PackedDescriptor>
    let driverEvent, driverFlags, deviceEvent, deviceFlags: DMAWord<Memory>
    let usesEventIndex: Bool
    /// Buffer ids are then given out in the ring's order, so that a chain's id is the place of its first descriptor.
    let isInOrder: Bool
    var batch = UsedBatch()
    /// By buffer id: a table of `indirectCapacity` descriptors.
    let tables: DMARing<Memory, PackedDescriptor>
    let indirectCapacity: UInt16

    /// By buffer id.
    let records: RingTable<VirtqueueRecord>
    var freeHead: UInt16 = 0
    public internal(set) var freeCount: UInt16
    /// Where the driver offers the next descriptor, and where the device writes the next used one.
    var availablePosition: UInt16 = 0
    var usedPosition: UInt16 = 0
    /// `availablePosition` when the device was last notified, or found not to want to be.
    var kickedPosition: UInt16 = 0
    /// Chains that are out, as far as the device has not given them back by whatever name.
    public internal(set) var chainsOut: UInt16 = 0

    public internal(set) var badUsedIDs = 0
    public internal(set) var badUsedLengths = 0
    public internal(set) var isBroken = false

    public init<Transport: VirtIOTransport>(
        _ index: UInt16, of transport: Transport, in memory: Memory, options: VirtqueueOptions = VirtqueueOptions()
    ) throws(VirtIOError) {
        let capacity = transport.queueCapacity(index)
        guard capacity != 0 else { throw transport.refuse(.queueUnavailable) }
        guard !transport.isQueueInUse(index) else { throw transport.refuse(.queueInUse) }
        guard capacity >= 2 else { throw transport.refuse(.queueTooSmall) }
        // A device takes any size up to its greatest, which need be no power of two.
        var size = Self.greatestSize
        while UInt32(size) > capacity { size /= 2 }
        let layout = PackedLayout(entries: size)
        guard let place = DMABuffer(byteCount: layout.byteCount, in: memory),
            let records = RingTable(entries: size, in: memory, { VirtqueueRecord() }),
            let tables = options.indirectCapacity == 0
                ? place
                : DMABuffer(byteCount: PackedDescriptor.byteCount * options.indirectCapacity * size, in: memory)
        else { throw transport.refuse(.noMemory) }
        guard layout.enable(index, of: transport, at: place.deviceAddress) else {
            throw transport.refuse(.queueUnreachable)
        }

        self.memory = memory
        number = index
        self.size = UInt16(size)
        ring = DMARing(place, at: layout.descriptors, entries: size)
        driverEvent = DMAWord(place, at: layout.driverEvent + PackedEvent.offsetAndWrap)
        driverFlags = DMAWord(place, at: layout.driverEvent + PackedEvent.flags)
        deviceEvent = DMAWord(place, at: layout.deviceEvent + PackedEvent.offsetAndWrap)
        deviceFlags = DMAWord(place, at: layout.deviceEvent + PackedEvent.flags)
        usesEventIndex = options.usesEventIndex
        isInOrder = options.isInOrder
        indirectCapacity = UInt16(options.indirectCapacity)
        self.tables = DMARing(tables, at: 0, entries: max(1, options.indirectCapacity) * size)
        self.records = records
        freeCount = UInt16(size)
        linkRecords()
    }

    var someMemory: DMABuffer<Memory> { ring.firstEntry }

    /// A queue that is never used, in the place of one; it only needs to have some memory.
    init(idle place: DMABuffer<Memory>, _ records: RingTable<VirtqueueRecord>) {
        memory = place.memory
        (number, size, freeCount, indirectCapacity, usesEventIndex, isInOrder) = (0, 0, 0, 0, false, false)
        ring = DMARing(place, at: 0, entries: 1)
        tables = ring
        driverEvent = DMAWord(place, at: 0)
        (driverFlags, deviceEvent, deviceFlags) = (driverEvent, driverEvent, driverEvent)
        self.records = records
    }

    /// All buffer ids free, in order.
    private func linkRecords() {
        for i in 0..<size { records[i] = VirtqueueRecord(next: (i + 1) & (size - 1)) }
    }

    public mutating func restart<Transport: VirtIOTransport>(of transport: Transport) throws(VirtIOError) {
        for word in [driverEvent, driverFlags, deviceEvent, deviceFlags] { word.store(0) }
        for i in 0..<Int(size) { ring.store64(0, i, PackedDescriptor.lengthIDFlags) }
        linkRecords()
        (freeHead, freeCount, chainsOut) = (0, size, 0)
        (availablePosition, usedPosition, kickedPosition) = (0, 0, 0)
        batch = UsedBatch()
        guard transport.queueCapacity(number) >= UInt32(size) else { throw transport.refuse(.queueTooSmall) }
        guard PackedLayout(entries: Int(size)).enable(number, of: transport, at: ring.deviceAddress(0)) else {
            throw transport.refuse(.queueUnreachable)
        }
        isBroken = false
    }

    @inline(__always)
    func flags(_ position: UInt16) -> UInt16 {
        ring.load16(Int(position), PackedDescriptor.flags) & PackedFlags.both
    }

    // MARK: Driver to device

    @inline(__always)
    public func placesNeeded(_ count: UInt16) -> UInt16 { count > 1 && count <= indirectCapacity ? 1 : count }

    @inline(__always)
    public mutating func startChain(count: UInt16) -> VirtqueueChain? {
        let places = placesNeeded(count)
        guard count > 0, places <= freeCount, !isBroken else { return nil }
        freeCount &-= places
        var chain = VirtqueueChain(head: freeHead, places: places, remaining: count, isIndirect: places < count)
        if places < count { startTable(of: &chain) }
        return chain
    }

    /// The chain's one place in the ring points to its table.
    @inline(never)
    private mutating func startTable(of chain: inout VirtqueueChain) {
        freeHead = records[chain.head].next
        ring.store64(
            tables.deviceAddress(Int(chain.head) &* Int(indirectCapacity)), Int(availablePosition),
            PackedDescriptor.address)
        chain.headWord = PackedDescriptor.word(
            length: UInt32(chain.remaining) &* UInt32(PackedDescriptor.byteCount), id: chain.head,
            flags: DescriptorFlags.indirect.rawValue | offered(availablePosition))
    }

    @inline(__always) @discardableResult
    public mutating func append(
        _ address: UInt64, byteCount: UInt32, _ direction: DMADirection, to chain: inout VirtqueueChain
    ) -> UInt16 {
        precondition(chain.remaining > 0, "more packed descriptors than the chain was started with")
        let position = availablePosition &+ chain.places &- chain.remaining
        chain.remaining &-= 1
        var flags: UInt16 = 0
        if direction == .deviceWrites {
            flags = DescriptorFlags.write.rawValue
            chain.writable &+= byteCount
        }
        if chain.isIndirect {
            chain.tableEntry &+= 1
            write(address, byteCount, flags, to: chain.tableEntry &- 1, ofTable: chain.head)
            return chain.head
        }
        if chain.remaining > 0 { flags |= DescriptorFlags.next.rawValue }
        let number = freeHead
        freeHead = records[number].next
        ring.store64(address, Int(position), PackedDescriptor.address)
        let word = PackedDescriptor.word(length: byteCount, id: chain.head, flags: flags | offered(position))
        // The first one's flags give the whole chain to the device.
        if number == chain.head {
            chain.headWord = word
        } else {
            ring.store64(word, Int(position), PackedDescriptor.lengthIDFlags)
        }
        return number
    }

    /// Entries of a table follow each other; ids and NEXT mean nothing there (section 2.8.7).
    @inline(never)
    private func write(
        _ address: UInt64, _ byteCount: UInt32, _ flags: UInt16, to entry: UInt16, ofTable head: UInt16
    ) {
        let place = Int(head) &* Int(indirectCapacity) &+ Int(entry)
        tables.store64(address, place, PackedDescriptor.address)
        tables.store64(
            PackedDescriptor.word(length: byteCount, id: 0, flags: flags), place, PackedDescriptor.lengthIDFlags)
    }

    @inline(__always)
    public mutating func submit(_ chain: VirtqueueChain) {
        precondition(chain.remaining == 0, "fewer packed descriptors than the chain was started with")
        records[chain.head].places = chain.places
        records[chain.head].writable = chain.writable
        memory.orderStores()  // the rest of the chain before the flags that give it away
        ring.store64(chain.headWord, Int(availablePosition), PackedDescriptor.lengthIDFlags)
        availablePosition &+= chain.places
        chainsOut &+= 1
    }

    /// True unless the device's flags say DISABLE, or name a descriptor that was not passed.
    @inline(__always)
    public mutating func needsKick() -> Bool {
        memory.orderAll()  // the descriptors before the device's wish is read, and before its register is written
        let added = availablePosition &- kickedPosition
        kickedPosition = availablePosition
        let flags = deviceFlags.load()
        guard usesEventIndex, flags == PackedEvent.descriptor else { return flags != PackedEvent.disable }
        memory.orderLoads()  // the flags before the place that they speak of
        let event = deviceEvent.load()
        let isThisLap = (event & PackedEvent.wrapBit != 0) == wraps(availablePosition)
        let wanted = (event & ~PackedEvent.wrapBit) &- (isThisLap ? 0 : size)
        return availablePosition & (size &- 1) &- wanted &- 1 < added
    }
}
