// System calls that tell what the kernel knows: processes, memory, disk, tables, the time of day.

import FileSystem
import Storage
import SystemInterface

enum StatusCalls {
    /// processes: SystemCallNumber has the contract.
    static func processes(to address: UserAddress, count: Int32) throws(SystemError) -> Int {
        guard count >= 0 else { throw .invalidArgument }
        var found = 0
        for index in 0..<Limit.processes {
            guard let record = ProcessTable.record(index) else { continue }
            if found < Int(count) { try (address + found * ProcessRecord.size).store(record) }
            found += 1
        }
        return found
    }

    static func resources(to address: UserAddress) throws(SystemError) -> Int {
        var counts = SystemResources()
        counts.pages = UInt64(Pages.total)
        counts.freePages = UInt64(Pages.freeCount)
        let system = FileStore.system
        counts.blocks = UInt64(system.layout.size - system.layout.dataStart)
        counts.freeBlocks = UInt64(system.freeBlocks)
        counts.inodes = UInt64(system.layout.inodeCount - 1)
        counts.freeInodes = UInt64(system.freeInodes)
        counts.inodesInUse = UInt64(system.inodesInUse)
        counts.openFiles = UInt64(OpenFiles.used)
        counts.openFileLimit = UInt64(OpenFiles.limit)
        counts.tablePages = UInt64(OpenFiles.pageCount + Pipes.pageCount + Network.tablePageCount)
        counts.freeProcesses = UInt64(ProcessTable.freeCount)
        counts.harts = UInt64(Scheduler.hartCount)
        try address.store(counts)
        return 0
    }

    /// counters: SystemCallNumber has the contract. Not inlined: `make profile` finds the measured stretch by its
    /// address.
    @inline(never)
    static func counters(to address: UserAddress, stacks: Bool) throws(SystemError) -> Int {
        try address.store(KernelCounts.read(stacks: stacks))
        return 0
    }

    static func wallClock() throws(SystemError) -> Int {
        guard let now = Clock.wallClock else { throw .noSuchDevice }
        return Int(truncatingIfNeeded: now)
    }

    /// dmesg: SystemCallNumber has the contract.
    static func messages(from position: UserAddress, to buffer: UserAddress, count: Int32) throws(SystemError) -> Int {
        guard count >= 0 else { throw .invalidArgument }
        let wanted = min(Int(count), LogRing.size)
        var place = try position.load(as: UInt64.self)
        var copied = 0
        while copied < wanted {
            var chunk = [64 of UInt8](repeating: 0)
            let found = KernelLog.read(&place, into: &chunk)
            guard found > 0 else { break }
            let taken = min(found, wanted - copied)
            guard (buffer + copied).copyOut(chunk.span.rawBytes.extracting(first: taken)) == taken else {
                throw .badAddress
            }
            place -= UInt64(found - taken)
            copied += taken
        }
        try position.store(place)
        return copied
    }

    /// getrandom: SystemCallNumber has the contract.
    static func random(to buffer: UserAddress, count: Int32) throws(SystemError) -> Int {
        guard count >= 0 else { throw .invalidArgument }
        return try MemoryDevice.random.read(to: buffer, count: min(Int(count), 256))
    }

    static func pciFunction(_ index: Int32, to address: UserAddress) throws(SystemError) -> Int {
        guard index >= 0 else { throw .invalidArgument }
        if let report = PCIBus.report(Int(index)) { try address.store(report) }
        return PCIBus.count
    }
}
