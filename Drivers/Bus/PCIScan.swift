// Finding what is on a PCI bus and the buses behind it, and giving everything its place: bus numbers, ports, memory.
//
// Promise: each function is reported once, after its base addresses were sized and placed; a function that finds no
// room keeps its base address at 0 and switched off. Bridges are opened for what lies behind them, and for no more.
// Firmware's own assignments are not kept.

/// The root of a PCI hierarchy: configuration space by ECAM, and the windows to the bus.
public struct PCIHost<Space: RegisterSpace> {
    /// Deeper bridges than this stay closed.
    static var greatestDepth: Int { 6 }

    let configuration: Space
    let lastBus: UInt8
    public private(set) var ports: PCIWindow<Space>?
    public private(set) var memory: PCIWindow<Space>?
    private var nextBus: UInt8 = 1
    /// Functions whose ports are placed where ISA cards would have them.
    private let forISA: ISAPlacements

    /// - Parameters:
    ///   - configuration: ECAM, from bus 0 on.
    ///   - lastBus: the highest bus number that it reaches.
    ///   - ports: the first 4 KiB of its bus addresses, ISA's, are left free.
    ///   - memory: non-prefetchable, below 4 GiB on the bus.
    public init(
        configuration: Space, lastBus: UInt8, ports: PCIWindow<Space>?, memory: PCIWindow<Space>?,
        forISA: ISAPlacements = ISAPlacements()
    ) {
        self.configuration = configuration
        self.lastBus = lastBus
        self.ports = ports
        self.memory = memory
        self.forISA = forISA
    }

    public func function(_ record: PCIRecord) -> PCIFunction<Space> {
        PCIFunction(record: record, configuration: space(record.address), ports: ports, memory: memory)
    }

    private func space(_ address: PCIAddress) -> Space { configuration.window(at: address.configurationOffset) }

    /// Scans everything and calls `report` with each function.
    public mutating func scan(_ report: (PCIRecord) -> Void) { scan(bus: 0, depth: 0, above: nil, report) }

    /// - Parameter above: the bridge that leads here.
    private mutating func scan(bus: UInt8, depth: Int, above: PCIRecord?, _ report: (PCIRecord) -> Void) {
        for device in 0..<UInt8(32) {
            var functions: UInt8 = 1
            var function: UInt8 = 0
            while function < functions {
                let address = PCIAddress(bus: bus, device: device, function: function)
                function += 1
                let space = space(address)
                guard space.load16(PCIHeader.vendorID) != 0xffff else { continue }
                if function == 1, space.load8(PCIHeader.headerType) & 0x80 != 0 { functions = 8 }
                var record = PCIRecord(reading: space, at: address)
                if let above { record.turn(through: above) }
                place(&record, space)
                report(record)
                if record.isBridge { openBridge(record, space, depth: depth, report) }
            }
        }
    }

    // MARK: Base addresses

    private mutating func place(_ record: inout PCIRecord, _ space: Space) {
        let command = space.load16(PCIHeader.command) & ~(PCICommand.io | PCICommand.memory)
        space.store16(command, PCIHeader.command)  // quiet while its addresses are tried
        let count = record.isBridge ? 2 : 6
        var index = 0
        while index < count {
            var base = PCIBaseAddress()
            let offset = PCIHeader.baseAddress0 + 4 * index
            size(&base, space, offset)
            if base.byteCount != 0 {
                base.address = place(base, of: &record)
                space.store32(UInt32(truncatingIfNeeded: base.address), offset)
                if base.kind == .memory64 { space.store32(UInt32(truncatingIfNeeded: base.address >> 32), offset + 4) }
            }
            record.baseAddresses[index] = base
            index += base.kind == .memory64 ? 2 : 1
        }
        // The expansion ROM is not used and stays off: its enable bit is clear after reset.
        if record.isForISA { space.store16(command | PCICommand.io, PCIHeader.command) }
    }

    /// Writes all ones and sees which bits stick (chapter 6.2.5.1).
    @inline(never)
    private func size(_ base: inout PCIBaseAddress, _ space: Space, _ offset: Int) {
        space.store32(0xffff_ffff, offset)
        let low = space.load32(offset)
        guard low != 0 else { return }
        if low & 1 != 0 {
            base.kind = .io
            // A function may leave the upper 16 bits of a port at 0.
            let mask = UInt16(truncatingIfNeeded: low & ~3)
            base.byteCount = mask == 0 ? 0 : UInt64(~mask &+ 1)
        } else {
            base.isPrefetchable = low & 8 != 0
            base.kind = low >> 1 & 3 == 2 ? .memory64 : .memory32
            var mask = UInt64(low & ~15) | 0xffff_ffff_0000_0000
            if base.kind == .memory64 {
                space.store32(0xffff_ffff, offset + 4)
                mask = UInt64(low & ~15) | UInt64(space.load32(offset + 4)) << 32
            }
            base.byteCount = mask == 0 ? 0 : ~mask &+ 1
        }
        // A size is a power of two, or the register is no base address.
        if base.byteCount & (base.byteCount &- 1) != 0 { base.byteCount = 0 }
    }

    @inline(never)
    private mutating func place(_ base: PCIBaseAddress, of record: inout PCIRecord) -> UInt64 {
        guard base.kind == .io else { return memory?.allocate(max(base.byteCount, 4096)) ?? 0 }
        if let port = forISA.port(of: record.address), !record.isForISA, UInt64(port) & (base.byteCount - 1) == 0 {
            record.isForISA = true
            return UInt64(port)
        }
        return ports?.allocate(max(base.byteCount, 16)) ?? 0
    }

    // MARK: Bridges

    private mutating func openBridge(_ record: PCIRecord, _ space: Space, depth: Int, _ report: (PCIRecord) -> Void) {
        guard depth < Self.greatestDepth, nextBus <= lastBus, nextBus != 0 else { return }
        let bus = nextBus
        nextBus &+= 1
        space.store8(record.address.bus, PCIHeader.primaryBus)
        space.store8(bus, PCIHeader.secondaryBus)
        space.store8(lastBus, PCIHeader.subordinateBus)
        // A bridge passes on ports by 4 KiB and memory by 1 MiB.
        ports?.align(to: 4096)
        memory?.align(to: 1 << 20)
        let portStart = ports.map { $0.base + $0.next } ?? 0, memoryStart = memory.map { $0.base + $0.next } ?? 0
        scan(bus: bus, depth: depth + 1, above: record, report)
        space.store8(nextBus &- 1, PCIHeader.subordinateBus)
        ports?.align(to: 4096)
        memory?.align(to: 1 << 20)
        let portEnd = ports.map { $0.base + $0.next } ?? 0, memoryEnd = memory.map { $0.base + $0.next } ?? 0
        close(space)
        if portEnd > portStart {
            space.store8(UInt8(truncatingIfNeeded: portStart >> 8), PCIHeader.ioBase)
            space.store8(UInt8(truncatingIfNeeded: (portEnd - 1) >> 8), PCIHeader.ioLimit)
            space.store16(UInt16(truncatingIfNeeded: portStart >> 16), PCIHeader.ioBaseUpper)
            space.store16(UInt16(truncatingIfNeeded: (portEnd - 1) >> 16), PCIHeader.ioLimitUpper)
        }
        if memoryEnd > memoryStart {
            space.store16(UInt16(truncatingIfNeeded: memoryStart >> 16), PCIHeader.memoryBase)
            space.store16(UInt16(truncatingIfNeeded: (memoryEnd - 1) >> 16), PCIHeader.memoryLimit)
        }
        let command = space.load16(PCIHeader.command)
        space.store16(command | PCICommand.io | PCICommand.memory | PCICommand.busMaster, PCIHeader.command)
    }

    /// Ranges whose limit is below their base pass on nothing.
    private func close(_ space: Space) {
        space.store8(0xf0, PCIHeader.ioBase)
        space.store8(0, PCIHeader.ioLimit)
        space.store16(0xfff0, PCIHeader.memoryBase)
        space.store16(0, PCIHeader.memoryLimit)
        space.store16(0xfff0, PCIHeader.prefetchableBase)
        space.store16(0, PCIHeader.prefetchableLimit)
    }
}

/// Functions whose ports stand where ISA cards would have them, and which are left to the ISA attachment.
public struct ISAPlacements: Sendable {
    /// How many there can be.
    public static var limit: Int { 4 }
    private var functions = InlineArray<4, UInt16>(repeating: 0)
    private var ports = InlineArray<4, UInt16>(repeating: 0)
    public private(set) var count = 0

    public init() {}

    /// False when there are four already.
    @discardableResult
    public mutating func add(_ function: PCIAddress, port: UInt16) -> Bool {
        guard count < Self.limit else { return false }
        functions[count] = function.rawValue
        ports[count] = port
        count += 1
        return true
    }

    func port(of function: PCIAddress) -> UInt16? {
        for i in 0..<count where functions[i] == function.rawValue { return ports[i] }
        return nil
    }
}

extension PCIRecord {
    @inline(never)
    init<Space: Registers>(reading space: Space, at address: PCIAddress) {
        self.address = address
        vendorID = space.load16(PCIHeader.vendorID)
        deviceID = space.load16(PCIHeader.deviceID)
        let word = space.load32(PCIHeader.revisionID)
        revisionID = UInt8(truncatingIfNeeded: word)
        classCode = word >> 8
        let type = space.load8(PCIHeader.headerType) & 0x7f
        isBridge = type == 1
        subsystemVendorID = type == 0 ? space.load16(PCIHeader.subsystemVendorID) : 0
        subsystemID = type == 0 ? space.load16(PCIHeader.subsystemVendorID + 2) : 0
        let pin = space.load8(PCIHeader.interruptPin)
        interruptPin = pin <= 4 ? pin : 0
        rootDevice = address.device
        interruptTurn = 0
    }

    /// Behind a bridge, a pin arrives at the bridge's own bus turned by the device's number (PCI-to-PCI Bridge 1.2,
    /// 9.1), as a pin of the bridge's; and so on up to the root.
    fileprivate mutating func turn(through bridge: PCIRecord) {
        interruptTurn = (address.device + bridge.interruptTurn) & 3
        rootDevice = bridge.rootDevice
    }
}
