// Loading an executable: the segments of an ELF file become pages of a new address space.

import FileSystem
import Machine
import Storage
import SystemInterface

/// The parts of an ELF file that are read (System V ABI, chapter 4 and 5; little-endian, 64 bits).
private enum ELF {
    static let magic: UInt32 = 0x464c_457f
    static let headerSize = 64
    static let programHeaderSize = 56
    static let load: UInt32 = 1  // PT_LOAD
    static let note: UInt32 = 4  // PT_NOTE
    /// This system's note, as Kernel/Machine/User/start.S has it: 9 bytes of name, none of description, type 1,
    /// "Swiftlet".
    static let markSize = 24
    static let mark: [3 of UInt64] = [9, 0x6669_7753_0000_0001, 0x0000_0000_7465_6c74]
    static let executable: UInt32 = 1  // PF_X
    static let writable: UInt32 = 2  // PF_W
}

/// A program header.
private struct ProgramHeader {
    let type: UInt32
    let flags: UInt32
    let offset: UInt64
    let address: UInt
    let fileSize: UInt
    let memorySize: UInt

    init(_ page: borrowing Page) {
        type = page.number(at: 0, as: UInt32.self)
        flags = page.number(at: 4, as: UInt32.self)
        offset = page.number(at: 8, as: UInt64.self)
        address = page.number(at: 16, as: UInt64.self).uint
        fileSize = page.number(at: 32, as: UInt64.self).uint
        memorySize = page.number(at: 40, as: UInt64.self).uint
    }
}

/// What exec knows of a program once it is loaded.
struct LoadedProgram {
    let entry: UInt64
    /// It carries this system's note.
    var isMarked = false
}

enum ELFLoader {
    /// Loads all segments.
    /// - Throws: badExecutable, noMemory, inputOutput.
    static func load(
        _ inode: borrowing KernelInode, into space: inout AddressSpace
    ) throws(SystemError) -> LoadedProgram {
        let page = try Page.forKernel()
        do throws(SystemError) {
            try read(inode, at: 0, count: ELF.headerSize, to: page.address)
        } catch {
            throw error == .invalidArgument ? .badExecutable : error
        }
        var program = LoadedProgram(entry: page.number(at: 24, as: UInt64.self))
        let tableOffset = page.number(at: 32, as: UInt64.self)
        let count = page.number(at: 56, as: UInt16.self)
        guard page.number(at: 0, as: UInt32.self) == ELF.magic else { throw .badExecutable }
        var loadedEnd: UInt = 0
        for index in 0..<UInt64(count) {
            let (offset, overflow) = tableOffset.addingReportingOverflow(index * UInt64(ELF.programHeaderSize))
            guard !overflow else { throw .badExecutable }
            try Scheduler.checkpoint()
            try read(inode, at: offset, count: ELF.programHeaderSize, to: page.address)
            let segment = ProgramHeader(page)
            switch segment.type {
            case ELF.load:
                // In ascending order (System V ABI, chapter 5), and none over another: each page is read once.
                guard segment.memorySize == 0 || segment.address >= loadedEnd else { throw .badExecutable }
                try loadSegment(inode, segment, into: &space)
                loadedEnd = max(loadedEnd, segment.address + segment.memorySize)
            case ELF.note where segment.fileSize == UInt(ELF.markSize):
                program.isMarked = program.isMarked || isMark(inode, at: segment.offset, through: page)
            default: break
            }
        }
        return program
    }

    /// Whether a note is this system's. One that cannot be read is none: notes are no part of the program.
    private static func isMark(_ inode: borrowing KernelInode, at offset: UInt64, through page: borrowing Page) -> Bool
    {
        do throws(SystemError) { try read(inode, at: offset, count: ELF.markSize, to: page.address) } catch {
            return false
        }
        for index in 0..<3 where page.number(at: index * 8, as: UInt64.self) != ELF.mark[index] { return false }
        return true
    }

    /// Reads exactly `count` bytes of the file to the start of a page; fewer make it no executable.
    @inline(never)
    private static func read(
        _ inode: borrowing KernelInode, at offset: UInt64, count: Int, to page: PhysicalAddress
    ) throws(SystemError) {
        var sink = PageSink(page)
        let read = try FileStore.system.read(inode, at: offset, count: UInt64(count), into: &sink)
        guard read == count else { throw .badExecutable }
    }

    /// Maps a segment, and the gap between the last one and this with the same rights, as xv6 does.
    private static func loadSegment(
        _ inode: borrowing KernelInode, _ segment: ProgramHeader, into space: inout AddressSpace
    ) throws(SystemError) {
        guard segment.fileSize <= segment.memorySize, segment.address % pageSize == 0, segment.address <= userLimit,
            segment.memorySize <= userLimit - segment.address, segment.offset <= UInt64(Int64.max)
        else { throw .badExecutable }
        let rights =
            (segment.flags & ELF.writable != 0 ? PageTableEntry.write : 0)
            | (segment.flags & ELF.executable != 0 ? PageTableEntry.execute : 0)
        let end = segment.address + segment.memorySize
        // More than there is cannot be had: do not try page by page.
        if end > space.size, !Pages.areAvailable(Int((end - space.size) / pageSize)) { throw .noMemory }
        var page = min(pageFloor(space.size), segment.address)
        while page < end {
            if page % megapageSize == 0 { try Scheduler.checkpoint() }
            if let entry = space.table.entry(for: page), entry.value.isValid {
                if page >= segment.address { entry.value.rawValue |= rights }
            } else if page >= segment.address, page + pageSize <= segment.address + segment.fileSize {
                _ = try space.map(page, rights)  // the file fills all of it, or the space is of no use
            } else {
                _ = try space.mapCleared(page, rights)
            }
            page += pageSize
        }
        space.size = max(space.size, end)
        var sink = SpaceSink(space.table, at: segment.address)
        let read = try FileStore.system.read(
            inode, at: segment.offset, count: UInt64(segment.fileSize), into: &sink)
        guard read == segment.fileSize else { throw .badExecutable }
    }
}
