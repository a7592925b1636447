// A process's descriptors: each has a use of an open file. A program of xv6's has 16, one that carries this system's
// note 1,100: those beyond 16 lie in a page that is taken when the first of them is. Only the process itself touches
// them, but for their count.

import Storage
import Synchronization
import SystemInterface

struct DescriptorTable: ~Copyable {
    private static var inlineCount: Int { 16 }

    private var files = [16 of FileRef?](repeating: nil)
    /// Of descriptor 16 + n, the number of its open file plus 1, 16 bits at offset 2n; 0: free.
    private var more: Page?
    /// No descriptor below is free, and none from `end` on is in use.
    private var firstFree = 0
    private var end = 0
    /// Descriptors in use.
    let count = Atomic<Int>(0)
    /// How many the program may have.
    private(set) var limit = Limit.openFilesPerProcess

    deinit { Self.close(self) }

    /// The file behind a descriptor, which may be any number a program made up.
    /// - Throws: badDescriptor.
    func file(_ descriptor: Int32) throws(SystemError) -> FileRef {
        guard let file = entry(Int(descriptor)) else { throw .badDescriptor }
        return file
    }

    /// Puts a file at the lowest free descriptor.
    /// - Throws: tooManyFiles, noMemory; the file is closed then.
    mutating func add(_ file: consuming OpenFile) throws(SystemError) -> Int32 {
        var descriptor = firstFree
        while descriptor < end, entry(descriptor) != nil { descriptor += 1 }
        guard descriptor < limit else { throw .tooManyFiles }
        if descriptor >= Self.inlineCount, more == nil { more = try Self.emptyPage() }
        firstFree = descriptor + 1
        set(descriptor, file.intoTable())
        return Int32(descriptor)
    }

    /// Whether another file finds a descriptor.
    /// Whether the process has so few that the last places of shared tables are for it too.
    var isFew: Bool { count.load(ordering: .relaxed) < Limit.openFilesPerProcess }

    var hasRoom: Bool { count.load(ordering: .relaxed) < limit }

    /// Takes a file out; nil if there is none.
    mutating func remove(_ descriptor: Int32) -> OpenFile? {
        guard let file = entry(Int(descriptor)) else { return nil }
        set(Int(descriptor), nil)
        firstFree = min(firstFree, Int(descriptor))
        return OpenFile(owning: file)
    }

    /// Becomes a table with the same files; it was empty.
    /// - Throws: noMemory; it is empty again then.
    mutating func copy(from other: borrowing DescriptorTable) throws(SystemError) {
        if other.end > Self.inlineCount { more = try Self.emptyPage() }
        limit = other.limit
        firstFree = other.firstFree
        for descriptor in 0..<other.end {
            guard let file = other.entry(descriptor) else { continue }
            if file.isInherited {
                set(descriptor, OpenFile.duplicate(file).intoTable())
            } else {
                firstFree = min(firstFree, descriptor)
            }
        }
    }

    /// Closes what another program of the process, and a child, do not have.
    mutating func closePrivate() {
        for descriptor in 0..<end where entry(descriptor)?.isInherited == false { _ = remove(Int32(descriptor)) }
    }

    /// Sets how many descriptors the program may have; more that are open stay.
    mutating func setLimit(isMarked: Bool) {
        limit = isMarked ? Limit.openFilesPerMarkedProcess : Limit.openFilesPerProcess
    }

    /// Whether the program carries this system's note.
    var isMarked: Bool { limit == Limit.openFilesPerMarkedProcess }

    mutating func closeAll() {
        Self.close(self)
        files = [16 of FileRef?](repeating: nil)
        more = nil
        firstFree = 0
        end = 0
        count.store(0, ordering: .relaxed)
        limit = Limit.openFilesPerProcess
    }

    private static func close(_ table: borrowing DescriptorTable) {
        for descriptor in 0..<table.end {
            if let file = table.entry(descriptor) { _ = OpenFile(owning: file) }
        }
    }

    private static func emptyPage() throws(SystemError) -> Page {
        var page = try Page.forKernel()
        page.clear()
        return page
    }

    /// The file at a descriptor, of any number.
    @inline(__always)  // with each system call on a file
    private func entry(_ descriptor: Int) -> FileRef? {
        if descriptor >= 0, descriptor < 16 { return files[descriptor] }
        return entryBeyond(descriptor)
    }

    @inline(never)
    private func entryBeyond(_ descriptor: Int) -> FileRef? {
        guard descriptor >= 16, descriptor < end else { return nil }
        let number = more?.number(at: 2 * (descriptor - 16), as: UInt16.self) ?? 0
        return number == 0 ? nil : OpenFiles.file(Int(number) - 1)
    }

    private mutating func set(_ descriptor: Int, _ file: FileRef?) {
        count.wrappingAdd(file == nil ? -1 : 1, ordering: .relaxed)
        if file != nil { end = max(end, descriptor + 1) }
        if descriptor < Self.inlineCount {
            files[descriptor] = file
        } else {
            let number = file.map { UInt16($0.value.number + 1) } ?? 0
            more?.store(number, at: 2 * (descriptor - Self.inlineCount))
        }
    }
}
