// What a Swift user imports: every room, under one name.
@_exported import MotetAdapters
@_exported import MotetModels
@_exported import MotetRouting
@_exported import MotetTensor
@_exported import MotetTokenizers
@_exported import MotetTraining
