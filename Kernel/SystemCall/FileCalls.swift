// System calls about files, descriptors and directories.

import FileSystem
import Storage
import SystemInterface

enum FileCalls {
    /// Device numbers that may be opened, whether or not there is a driver: xv6's NDEV.
    private static let majors: Range<Int16> = 0..<10

    private static func file(_ descriptor: Int32) throws(SystemError) -> FileRef {
        try current.value.files.file(descriptor)
    }

    static func read(_ descriptor: Int32, to buffer: UserAddress, count: Int32) throws(SystemError) -> Int {
        try file(descriptor).read(to: buffer, count: count)
    }

    static func write(_ descriptor: Int32, from buffer: UserAddress, count: Int32) throws(SystemError) -> Int {
        try file(descriptor).write(from: buffer, count: count)
    }

    static func open(_ path: UserAddress, flags: Int32) throws(SystemError) -> Int {
        let flags = OpenFlags(rawValue: UInt32(bitPattern: flags))
        // All that can fail comes before the first effect: a file is neither made nor emptied in vain.
        var place: FilePlace?
        if flags.contains(.create) || flags.contains(.truncate) {
            if !current.value.files.hasRoom { throw .tooManyFiles }
            place = try FilePlace(for: current.value.files)
        }
        let opened = try withPath(path) { (path) throws(SystemError) in
            try current.withWorkingDirectory { (directory) throws(SystemError) in
                try FileStore.system.open(path, flags, from: directory)
            }
        }
        guard opened.type != .device || Self.majors.contains(opened.major) else { throw .noSuchDevice }
        if place == nil { place = try FilePlace(for: current.value.files) }
        guard let taken = place.take() else { throw .tooManyFilesInSystem }
        return try add(
            OpenFile(
                FileKind(opened), readable: flags.readable, writable: flags.writable,
                appends: flags.contains(.append), at: taken))
    }

    /// Gives the running process a descriptor for a file.
    static func add(_ file: consuming OpenFile) throws(SystemError) -> Int { Int(try current.value.files.add(file)) }

    static func close(_ descriptor: Int32) throws(SystemError) -> Int {
        try file(descriptor).lingerBeforeClose()
        guard let file = current.value.files.remove(descriptor) else { throw .badDescriptor }
        _ = consume file
        return 0
    }

    static func duplicate(_ descriptor: Int32) throws(SystemError) -> Int {
        try add(OpenFile.duplicate(file(descriptor)))
    }

    /// pipe: two descriptors, the read end's first, stored as two ints.
    static func pipe(descriptorsAt address: UserAddress) throws(SystemError) -> Int {
        var writeEnd: PipeEnd?
        let readFile = try OpenFile(
            .pipe(Pipes.make(&writeEnd)), readable: true, writable: false, for: current.value.files)
        let writeFile = try OpenFile(.pipe(writeEnd.take()!), readable: false, writable: true, for: current.value.files)
        var descriptors = NewDescriptors()
        let read = try descriptors.add(readFile)
        let write = try descriptors.add(writeFile)
        try address.store([read, write] as [2 of Int32])
        descriptors.keep()
        return 0
    }

    static func status(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        let status = try file(descriptor).status()
        // The 24 bytes of struct stat: Documentation/ABI.md.
        let words: (UInt64, UInt64, UInt64) = (
            UInt64(UInt32(bitPattern: status.device)) | UInt64(status.inode) << 32,
            UInt64(UInt16(bitPattern: status.type)) | UInt64(UInt16(bitPattern: status.linkCount)) << 16
                | (current.value.files.isMarked ? UInt64(status.modified) << 32 : 0),
            status.size
        )
        try address.store(words)
        return 0
    }

    /// Calls `body` with a path from user memory and the working directory.
    private static func withPathAndDirectory<Result: ~Copyable>(
        _ path: UserAddress, _ body: (borrowing Span<UInt8>, borrowing KernelInode) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        try withPath(path) { (path) throws(SystemError) in
            try current.withWorkingDirectory { (directory) throws(SystemError) in try body(path, directory) }
        }
    }

    static func changeDirectory(_ path: UserAddress) throws(SystemError) -> Int {
        current.value.workingDirectory = try withPathAndDirectory(path) { (path, directory) throws(SystemError) in
            try FileStore.system.openDirectory(path, from: directory)
        }
        return 0
    }

    static func makeDirectory(_ path: UserAddress) throws(SystemError) -> Int {
        try withPathAndDirectory(path) { (path, directory) throws(SystemError) in
            try FileStore.system.makeDirectory(path, from: directory)
        }
        return 0
    }

    static func makeNode(_ path: UserAddress, major: Int32, minor: Int32) throws(SystemError) -> Int {
        try withPathAndDirectory(path) { (path, directory) throws(SystemError) in
            try FileStore.system.makeNode(
                path, major: Int16(truncatingIfNeeded: major), minor: Int16(truncatingIfNeeded: minor), from: directory)
        }
        return 0
    }

    static func link(_ old: UserAddress, as new: UserAddress) throws(SystemError) -> Int {
        try withPath(new) { (new) throws(SystemError) in
            try withPathAndDirectory(old) { (old, directory) throws(SystemError) in
                try FileStore.system.link(old, as: new, from: directory)
            }
        }
        return 0
    }

    static func rename(_ old: UserAddress, to new: UserAddress) throws(SystemError) -> Int {
        try withPath(new) { (new) throws(SystemError) in
            try withPathAndDirectory(old) { (old, directory) throws(SystemError) in
                try FileStore.system.rename(old, to: new, from: directory)
            }
        }
        return 0
    }

    /// fsync: what was written is on the disk when each call returns; this one says whether that still holds, and
    /// empties the log.
    static func synchronize(_ descriptor: Int32) throws(SystemError) -> Int {
        let type = try file(descriptor).status().type
        guard type != FileType.device.rawValue else { throw .invalidArgument }
        try FileStore.system.synchronize()
        if FileStore.system.isReadOnly { throw .inputOutput }
        return 0
    }

    static func unlink(_ path: UserAddress) throws(SystemError) -> Int {
        try withPathAndDirectory(path) { (path, directory) throws(SystemError) in
            try FileStore.system.unlink(path, from: directory)
        }
        return 0
    }

    /// disk_write: SystemCallNumber has the contract.
    static func writeDisk(block: UInt64, from buffer: UserAddress) throws(SystemError) -> Int {
        try current.requirePrivilege()
        let disk = KernelDisk()
        guard block < UInt64(disk.blockCount) else { throw .invalidArgument }
        var page = try Page.forKernel()
        guard page.copyIn(from: buffer, to: 0..<blockSize) == blockSize else { throw .badAddress }
        try FileStore.system.close()
        let memory = unsafe BlockMemory(unsafe: page.address.pointer)  // the page lives until the write is done
        try disk.write(1) { _ in BlockRequest(block: UInt32(block), memory: memory) }
        try disk.flush()
        return 0
    }

    /// disk_read: a block of the disk, past the file system.
    static func readDisk(block: UInt64, to buffer: UserAddress) throws(SystemError) -> Int {
        try current.requirePrivilege()
        let disk = KernelDisk()
        guard block < UInt64(disk.blockCount) else { throw .invalidArgument }
        let page = try Page.forKernel()
        let memory = unsafe BlockMemory(unsafe: page.address.pointer)  // the page lives until the read is done
        try disk.read(1) { _ in BlockRequest(block: UInt32(block), memory: memory) }
        guard page.copyOut(0..<blockSize, to: buffer) == blockSize else { throw .badAddress }
        return Int(disk.blockCount)
    }
}

/// Descriptors that a call has made: given up again unless it keeps them.
private struct NewDescriptors: ~Copyable {
    private var first: Int32 = -1
    private var second: Int32 = -1

    /// Gives a file a descriptor of the running process.
    mutating func add(_ file: consuming OpenFile) throws(SystemError) -> Int32 {
        let descriptor = try current.value.files.add(file)
        if first < 0 { first = descriptor } else { second = descriptor }
        return descriptor
    }

    mutating func keep() { (first, second) = (-1, -1) }

    deinit {
        _ = current.value.files.remove(first)
        _ = current.value.files.remove(second)
    }
}

extension FileKind {
    /// What an opened file is to its readers and writers.
    fileprivate init(_ opened: consuming OpenedFile<KernelPlatform>) {
        let (major, minor) = (opened.major, opened.minor)
        self =
            opened.type == .device
            ? .device(DeviceFile(inode: opened.inode, major: major, minor: minor)) : .inode(opened.inode)
    }
}
