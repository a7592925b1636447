// exec: a new program in an old process (ABI.md, section "exec"). Everything is built aside; only when it is complete does it
// take the old program's place, so a failed exec leaves the caller as it was.

import FileSystem
import Machine
import SystemInterface

/// The parts of an ELF file that exec looks at (System V ABI, chapter 4 and 5; little-endian, 64 bits).
private enum ELF {
    static let magic: UInt32 = 0x464c_457f
    static let headerSize = 64
    static let programHeaderSize = 56
    static let load: UInt32 = 1  // PT_LOAD
    static let executable: UInt32 = 1  // PF_X
    static let writable: UInt32 = 2  // PF_W
}

enum Exec {
    private typealias Loaded = (entry: UInt64, stackPointer: UInt, argumentCount: Int)

    /// Executes a program with the argument strings at `arguments`; returns argc, and leaves argv in the frame's a1.
    static func run(path: borrowing Span<UInt8>, arguments: UserAddress) throws(SystemError) -> Int {
        guard let scratch = Pages.allocate() else { throw .noMemory }
        defer { Pages.release(scratch) }
        return try replaceProgram(path) { (stack) throws(SystemError) in
            var index = 0
            while true {
                let pointer = try (arguments + index * 8).load(as: UInt64.self)
                if pointer == 0 { return }
                index += 1
                guard index < Limit.argumentSlots else { throw .argumentsTooLong }
                let length: Int
                do throws(SystemError) {
                    length = try UserAddress(pointer).copyString(
                        to: scratch.pointer.assumingMemoryBound(to: UInt8.self), limit: Int(pageSize))
                } catch {
                    throw error == .nameTooLong ? .argumentsTooLong : error
                }
                try stack.push(string: scratch.pointer, length: length)
            }
        }
    }

    /// Makes the running thread, which is a new process without memory, the program /init.
    static func startInit() throws(SystemError) {
        let path: StaticString = "/init"
        let bytes = UnsafeBufferPointer(start: path.utf8Start, count: path.utf8CodeUnitCount)
        let count = try replaceProgram(bytes.span) { (stack) throws(SystemError) in
            try stack.push(string: path.utf8Start, length: path.utf8CodeUnitCount)
            BootArguments.forEachWord { stack.pushIfRoom($0) }
        }
        current.pointee.frame.pointee.a0 = UInt64(count)
        // User mode with interrupts on (sstatus.SPP = 0, SPIE = 1).
        current.pointee.frame.pointee.sstatus = 1 << 5
    }

    private static func replaceProgram(
        _ path: borrowing Span<UInt8>, _ pushArguments: (inout ArgumentStack) throws(SystemError) -> Void
    ) throws(SystemError) -> Int {
        let process = current
        let system = FileStore.system
        let inode = try system.lookUp(path, from: process.pointee.workingDirectory.unsafelyUnwrapped)
        defer { system.release(inode) }
        var space = try AddressSpace()
        let entry = try load(inode, into: &space)
        var stack = try makeStack(in: &space)
        try pushArguments(&stack)
        let stackPointer = try stack.pushPointers()

        process.pointee.satp = space.table.satp
        write_satp(space.table.satp)
        fence_instructions()
        process.pointee.space = consume space
        setName(of: process, path)
        process.pointee.pingSequence = 0
        let frame = process.pointee.frame
        frame.pointee.sepc = entry
        frame.pointee.sp = UInt64(stackPointer)
        frame.pointee.a1 = UInt64(stackPointer)
        return stack.count
    }

    // MARK: Loading

    /// Reads exactly `count` bytes of the file; fewer make it no executable.
    @inline(never)
    private static func read(
        _ inode: InodeReference, at offset: UInt64, count: Int, to destination: UnsafeMutableRawPointer
    ) throws(SystemError) {
        var sink = MemorySink(destination)
        let read = try FileStore.system.read(inode, at: offset, count: UInt64(count), into: &sink)
        guard read == count else { throw .badExecutable }
    }

    /// Loads all segments; returns the entry point.
    private static func load(_ inode: InodeReference, into space: inout AddressSpace) throws(SystemError) -> UInt64 {
        guard let page = Pages.allocate() else { throw .noMemory }
        defer { Pages.release(page) }
        let header = page.pointer
        do throws(SystemError) {
            try read(inode, at: 0, count: ELF.headerSize, to: header)
        } catch {
            throw error == .invalidArgument ? .badExecutable : error
        }
        let entry = header.load(fromByteOffset: 24, as: UInt64.self)
        let tableOffset = header.load(fromByteOffset: 32, as: UInt64.self)
        let count = header.load(fromByteOffset: 56, as: UInt16.self)
        guard header.load(as: UInt32.self) == ELF.magic else { throw .badExecutable }
        for index in 0..<UInt64(count) {
            let (offset, overflow) = tableOffset.addingReportingOverflow(index * UInt64(ELF.programHeaderSize))
            guard !overflow else { throw .badExecutable }
            try read(inode, at: offset, count: ELF.programHeaderSize, to: header)
            if header.load(as: UInt32.self) == ELF.load { try loadSegment(inode, header, into: &space) }
        }
        return entry
    }

    /// Maps a segment, and the gap between the last one and this with the same rights, as xv6 does.
    private static func loadSegment(
        _ inode: InodeReference, _ header: UnsafeMutableRawPointer, into space: inout AddressSpace
    ) throws(SystemError) {
        let flags = header.load(fromByteOffset: 4, as: UInt32.self)
        let offset = header.load(fromByteOffset: 8, as: UInt64.self)
        let address = header.load(fromByteOffset: 16, as: UInt64.self).uint
        let fileSize = header.load(fromByteOffset: 32, as: UInt64.self).uint
        let memorySize = header.load(fromByteOffset: 40, as: UInt64.self).uint
        guard fileSize <= memorySize, address % pageSize == 0, address <= userLimit, memorySize <= userLimit - address,
            offset <= UInt64(Int64.max)
        else { throw .badExecutable }
        let rights =
            (flags & ELF.writable != 0 ? PageTableEntry.write : 0)
            | (flags & ELF.executable != 0 ? PageTableEntry.execute : 0)
        let end = address + memorySize
        // More than there is cannot be had: do not try page by page.
        if end > space.size, Int((end - space.size) / pageSize) > Pages.freeCount { throw .noMemory }
        var page = min(pageFloor(space.size), address)
        while page < end {
            if let entry = space.table.entry(for: page), entry.pointee.isValid {
                if page >= address { entry.pointee.rawValue |= rights }
            } else {
                _ = try space.mapCleared(page, rights)
            }
            page += pageSize
        }
        space.size = max(space.size, end)
        var done: UInt = 0
        while done < fileSize {
            guard let entry = space.table.entry(for: address + done) else { throw .badExecutable }
            let step = min(pageSize, fileSize - done)
            try read(inode, at: offset + UInt64(done), count: Int(step), to: entry.pointee.address.pointer)
            done += step
        }
    }

    /// One page without access, then the stack's page, above what is loaded.
    private static func makeStack(in space: inout AddressSpace) throws(SystemError) -> ArgumentStack {
        let guardPage = pageCeiling(space.size)
        guard guardPage <= userLimit - 2 * pageSize else { throw .noMemory }
        space.guardPage = guardPage
        let page = try space.mapCleared(guardPage + pageSize, PageTableEntry.write)
        space.size = guardPage + 2 * pageSize
        return ArgumentStack(page: page, bottom: guardPage + pageSize)
    }

    /// The process is called by the last component of the path.
    private static func setName(of process: ProcessRef, _ path: borrowing Span<UInt8>) {
        var start = 0
        for index in 0..<path.count where path[index] == 0x2f { start = index + 1 }
        process.pointee.name = ProcessName(repeating: 0)
        for index in 0..<min(15, path.count - start) { process.pointee.name[index] = path[start + index] }
    }
}

/// The new program's stack page, filled from the top: strings, each 16-byte aligned, then the array of pointers to them.
private struct ArgumentStack {
    private let page: PhysicalAddress
    /// The page's user address; everything must fit above it.
    private let bottom: UInt
    private var top: UInt
    private var pointers = [32 of UInt64](repeating: 0)
    private(set) var count = 0

    init(page: PhysicalAddress, bottom: UInt) {
        self.page = page
        self.bottom = bottom
        top = bottom + pageSize
    }

    private mutating func reserve(_ bytes: UInt) throws(SystemError) -> UnsafeMutableRawPointer {
        guard bytes <= top - bottom else { throw .argumentsTooLong }
        top = (top - bytes) & ~15
        guard top >= bottom else { throw .argumentsTooLong }
        return page.pointer + Int(top - bottom)
    }

    mutating func push(string: UnsafeRawPointer, length: Int) throws(SystemError) {
        guard count < Limit.argumentSlots - 1 else { throw .argumentsTooLong }
        let place = try reserve(UInt(length) + 1)
        place.copyMemory(from: string, byteCount: length)
        place.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
        pointers[count] = UInt64(top)
        count += 1
    }

    /// Pushes a string that may as well be left out.
    mutating func pushIfRoom(_ text: UnsafeBufferPointer<UInt8>) {
        guard let start = text.baseAddress, top - bottom > UInt(text.count) + 512 else { return }
        do throws(SystemError) { try push(string: start, length: text.count) } catch {}
    }

    /// Pushes argv with its NULL; returns its address, which is also the stack pointer.
    mutating func pushPointers() throws(SystemError) -> UInt {
        let place = try reserve(UInt(count + 1) * 8)
        for index in 0...count {
            place.storeBytes(of: index < count ? pointers[index] : 0, toByteOffset: index * 8, as: UInt64.self)
        }
        return top
    }
}
