// Open files: what descriptors stand for. One table for the whole system, sized by its memory, that takes pages as it
// grows; fork and dup make descriptors share one.

import FileSystem
import Machine
import Storage
import Synchronization
import SystemInterface

typealias FileRef = Ref<FileRecord>

/// One use of an open file: a descriptor's. The end of the last use closes the file.
struct OpenFile: ~Copyable {
    /// nil once a table of descriptors has the use.
    private var place: FileRef?

    /// Opens a file of this kind, with one use.
    /// - Throws: tooManyFilesInSystem; what `kind` holds is given back then.
    init(
        _ kind: consuming FileKind, readable: Bool, writable: Bool, for files: borrowing DescriptorTable
    ) throws(SystemError) {
        self.init(kind, readable: readable, writable: writable, at: try FilePlace(for: files))
    }

    /// The same at a place that was taken before.
    init(
        _ kind: consuming FileKind, readable: Bool, writable: Bool, appends: Bool = false, at place: consuming FilePlace
    ) {
        let record = place.intoFile()
        record.value.readable = readable
        record.value.writable = writable
        record.value.appends = appends
        record.value.offset = 0
        record.value.kind = consume kind
        record.value.uses.store(1, ordering: .relaxed)
        self.place = record
    }

    /// Takes over a use that a table of descriptors has.
    init(owning record: FileRef) { place = record }

    deinit {
        if let place { OpenFiles.giveBack(place) }
    }

    /// Hands the use to a table of descriptors.
    consuming func intoTable() -> FileRef {
        guard let record = place.take() else { panic("a use of an open file is handed on twice") }
        return record
    }

    /// One more use of the same open file, which shares its offset.
    static func duplicate(_ record: FileRef) -> OpenFile {
        record.value.uses.wrappingAdd(1, ordering: .relaxed)
        return OpenFile(owning: record)
    }
}

/// A free place in the table of open files, for a call that takes it before it does what cannot be undone. Its end
/// gives it back.
struct FilePlace: ~Copyable {
    private var record: FileRef?

    /// - Throws: tooManyFilesInSystem.
    init(for files: borrowing DescriptorTable) throws(SystemError) {
        guard let record = OpenFiles.take(mayTakeLast: files.isFew) else { throw .tooManyFilesInSystem }
        self.record = record
    }

    deinit {
        if let record { OpenFiles.putBack(record) }
    }

    /// Hands the place to an open file.
    fileprivate consuming func intoFile() -> FileRef {
        guard let taken = record.take() else { panic("a place for an open file is used twice") }
        return taken
    }
}

/// What a descriptor reads from and writes to.
enum FileKind: ~Copyable {
    case pipe(PipeEnd)
    case inode(KernelInode)
    case device(DeviceFile)
    case socket(SocketFile)
    case rings(RingsFile)
}

/// A device that was opened by its inode.
struct DeviceFile: ~Copyable {
    let inode: KernelInode
    let major: Int16
    let minor: Int16

    /// nil: another device, or none.
    var memoryDevice: MemoryDevice? { major == MemoryDevice.major ? MemoryDevice(rawValue: minor) : nil }
}

/// An open file's place in the table.
struct FileRecord: ~Copyable {
    /// Its place in the table.
    let number: Int
    fileprivate let uses = Atomic<Int32>(0)
    fileprivate(set) var kind: FileKind?
    fileprivate(set) var readable = false
    fileprivate(set) var writable = false
    /// Each write of a plain file goes to its end.
    fileprivate(set) var appends = false
    /// Bytes from the start of the file; guarded by `offsetLock`.
    var offset: UInt64 = 0
    let offsetLock = SleepMutex()
    fileprivate var freePlace = ListNode<FileRecord>()

    fileprivate init(number: Int) { self.number = number }
}

extension Ref where Value == FileRecord {
    /// Whether fork and exec pass it on. Not what is mapped into the process that opened it.
    var isInherited: Bool {
        switch value.kind {
        case .some(.rings): false
        default: true
        }
    }

    /// Waits as SO_LINGER says when the next close is the last one.
    func lingerBeforeClose() {
        guard value.uses.load(ordering: .relaxed) == 1 else { return }
        switch value.kind {
        case .some(.socket(let socket)): if socket.isStream { socket.linger() }
        default: break
        }
    }

    // a stored property of the record
    fileprivate var freeNode: Ref<ListNode<FileRecord>> { unsafe node(&value.freePlace) }
}

enum OpenFiles {
    private static let table = PagedTable<FileRecord>()
    private static let free = LockedList<FileRecord>(.fileTables)

    /// Open files in use.
    private static let usedCount = Atomic<Int>(0)

    /// How many there can be: 2,048 at 128 MiB of memory, 100 at least.
    static var limit: Int { table.mostCount }
    /// Of them, those that only a process with fewer than 16 descriptors takes: no program takes all.
    private static var reserve: Int { limit / 8 }

    /// Pages that the table has taken.
    static var pageCount: Int { table.pageCount }

    static var used: Int { usedCount.load(ordering: .relaxed) }

    /// Makes the table. Once, during start-up.
    static func start() { table.start(most: min(16_384, max(100, Pages.total / 16))) }

    /// An open file by its place.
    static func file(_ number: Int) -> FileRef { table.ref(number) }

    /// - Parameter mayTakeLast: the reserve too.
    fileprivate static func take(mayTakeLast: Bool) -> FileRef? {
        guard mayTakeLast || used + reserve < limit else { return nil }
        let record: FileRef? = free.withLock { free in
            if free.isEmpty { _ = table.grow({ FileRecord(number: $0) }) { free.prepend($0.freeNode) } }
            return free.removeFirst()
        }
        if record != nil { usedCount.wrappingAdd(1, ordering: .relaxed) }
        return record
    }

    fileprivate static func putBack(_ record: FileRef) {
        free.withLock { $0.prepend(record.freeNode) }
        usedCount.wrappingSubtract(1, ordering: .relaxed)
    }

    /// Gives up a use; the last one closes the file.
    @inline(never)
    fileprivate static func giveBack(_ record: FileRef) {
        let old = record.value.uses.wrappingSubtract(1, ordering: .acquiringAndReleasing).oldValue
        if old <= 0 { panic("an open file is given back more often than used") }
        guard old == 1 else { return }
        let kind = record.value.kind.take()
        putBack(record)
        _ = consume kind  // gives the pipe's end, the inode or the socket back
    }
}
