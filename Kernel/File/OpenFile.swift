// Open files: what descriptors stand for. A table of 100 for the whole system (Documentation/ABI.md); fork and dup make
// descriptors share one.

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
    init(_ kind: consuming FileKind, readable: Bool, writable: Bool) throws(SystemError) {
        self.init(kind, readable: readable, writable: writable, at: try FilePlace())
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
    init() throws(SystemError) {
        guard let record = OpenFiles.take() else { throw .tooManyFilesInSystem }
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

    fileprivate init() {}
}

extension Ref where Value == FileRecord {
    // a stored property of the record
    fileprivate var freeNode: Ref<ListNode<FileRecord>> { unsafe node(&value.freePlace) }
}

enum OpenFiles {
    private static let table = BootTable<FileRecord>()
    private static let free = LockedList<FileRecord>(.fileTables)
    private static let freeCount = Atomic<Int>(0)

    /// Open files in use.
    static var used: Int { Limit.openFiles - freeCount.load(ordering: .relaxed) }

    /// Makes the table. Once, during start-up.
    static func start() {
        table.start(Limit.openFiles) { _ in FileRecord() }
        for index in 0..<Limit.openFiles { putBack(table.ref(index)) }
    }

    fileprivate static func take() -> FileRef? {
        guard let record = free.withLock({ $0.removeFirst() }) else { return nil }
        freeCount.wrappingSubtract(1, ordering: .relaxed)
        return record
    }

    fileprivate static func putBack(_ record: FileRef) {
        free.withLock { $0.prepend(record.freeNode) }
        freeCount.wrappingAdd(1, ordering: .relaxed)
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
