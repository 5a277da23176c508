"""What becomes of each attribute when a DICOM file is to name nobody.

The table follows the Basic Application Level Confidentiality Profile of DICOM PS3.15, Table E.1-1,
for the attributes that images of CT, MR, PET, X-ray and segmentations carry; compared row by row
with an independent copy of its edition 2026c, nothing stays that the profile removes. What the
table does not name is decided by the kind of its value, on the side of caution: text, names, dates,
times and unknown bytes go, numbers and codes of fixed vocabularies stay, UIDs are replaced, and
private attributes always go.
"""

from __future__ import annotations

from typing import Literal

from pydicom.datadict import tag_for_keyword
from pydicom.tag import BaseTag, Tag

Action = Literal["remove", "empty", "pseudonym", "uid", "keep", "inside", "date"]
"""``inside``: a sequence stays, its items are cleaned. ``date``: emptied, or shifted on request.

In the letters of the standard: X, Z, D (one for each patient), U, K, and Z/X or M for dates.
"""

_REMOVE = """
AcquisitionComments AcquisitionContextSequence AcquisitionProtocolDescription
ActualHumanPerformersSequence AdmissionID AdmittingDiagnosesCodeSequence
AdmittingDiagnosesDescription AffectedSOPInstanceUID Allergies Arbitrary AuthorObserverSequence
BranchOfService CassetteID CommentsOnThePerformedProcedureStep
ConfidentialityConstraintOnPatientDataDescription ConsultingPhysicianIdentificationSequence
ContentCreatorIdentificationCodeSequence ContentSequence ContributingEquipmentSequence
ContributionDescription CountryOfResidence CurrentPatientLocation CustodialOrganizationSequence
DataSetTrailingPadding DerivationDescription DetectorID DeviceSerialNumber DeviceUID
DigitalSignaturesSequence DischargeDiagnosisDescription EncryptedAttributesSequence EthnicGroup
FillerOrderNumberImagingServiceRequest FlowIdentifierSequence FrameComments GPSAltitude
GPSAltitudeRef GPSDOP GPSDestBearing GPSDestBearingRef GPSDestDistance GPSDestDistanceRef
GPSDestLatitude GPSDestLatitudeRef GPSDestLongitude GPSDestLongitudeRef GPSDifferential
GPSImgDirection GPSImgDirectionRef GPSLatitude GPSLatitudeRef GPSLongitude GPSLongitudeRef
GPSMeasureMode GPSSpeed GPSSpeedRef GPSStatus GPSTrack GPSTrackRef GantryID GeneratorID
GraphicAnnotationSequence HumanPerformerName HumanPerformerOrganization IconImageSequence
ImageComments ImagePresentationComments ImagingServiceRequestComments Impressions
InstanceOriginStatus InstitutionAddress InstitutionCodeSequence InstitutionName
InstitutionalDepartmentName InstitutionalDepartmentTypeCodeSequence InsurancePlanIdentification
IntendedRecipientsOfResultsIdentificationSequence InterpretationApproverSequence
InterpretationAuthor InterpretationDiagnosisDescription InterpretationIDIssuer
InterpretationRecorder InterpretationText InterpretationTranscriber IssuerOfAdmissionID
IssuerOfPatientID IssuerOfServiceEpisodeID IssuerOfTheContainerIdentifierSequence
IssuerOfTheSpecimenIdentifierSequence LastMenstrualDate LensSpecification MAC MedicalAlerts
MedicalRecordLocator MilitaryRank ModifiedAttributesSequence ModifiedImageDescription
ModifyingDeviceID MostRecentTreatmentDate NameOfPhysiciansReadingStudy
NamesOfIntendedRecipientsOfResults NonconformingModifiedAttributesSequence Occupation
OperatorIdentificationSequence OperatorsName OrderCallbackPhoneNumber OrderEnteredBy
OrderEntererLocation OriginalAttributesSequence OtherPatientIDs OtherPatientIDsSequence
OtherPatientNames ParticipantSequence PatientAddress PatientAge PatientBirthName PatientBirthTime
PatientComments PatientInsurancePlanCodeSequence PatientMotherBirthName
PatientPrimaryLanguageCodeSequence PatientReligiousPreference PatientSexNeutered PatientSize
PatientState PatientTelephoneNumbers PatientTransportArrangements PatientWeight PerformedLocation
PerformedProcedureStepDescription PerformedProcedureStepID PerformedStationAETitle
PerformedStationGeographicLocationCodeSequence PerformedStationName
PerformedStationNameCodeSequence PerformingPhysicianIdentificationSequence PerformingPhysicianName
PersonAddress PersonIdentificationCodeSequence PersonTelephoneNumbers PhysiciansOfRecord
PhysiciansOfRecordIdentificationSequence PhysiciansReadingStudyIdentificationSequence
PlacerOrderNumberImagingServiceRequest PlateID PreMedication PregnancyStatus
PrescriptionNotesSequence ProcedureStepCancellationDateTime ProtocolName
ReasonForRequestedProcedureCodeSequence ReasonForStudy ReasonForTheAttributeModification
ReasonForTheImagingServiceRequest ReferencedDigitalSignatureSequence ReferencedPatientAliasSequence
ReferencedPatientPhotoSequence ReferencedPatientSequence ReferencedPerformedProcedureStepSequence
ReferencedSOPInstanceMACSequence ReferencedStudySequence ReferringPhysicianAddress
ReferringPhysicianIdentificationSequence ReferringPhysicianTelephoneNumbers RegionOfResidence
RequestAttributesSequence RequestedContrastAgent RequestedProcedureComments
RequestedProcedureDescription RequestedProcedureID RequestedProcedureLocation RequestingPhysician
RequestingService ResponsibleOrganization ResponsiblePerson ResultsComments
ResultsDistributionListSequence ResultsIDIssuer ScheduledHumanPerformersSequence
ScheduledPatientInstitutionResidence ScheduledPerformingPhysicianIdentificationSequence
ScheduledPerformingPhysicianName ScheduledProcedureStepDescription ScheduledProcedureStepID
ScheduledProcedureStepLocation ScheduledStationAETitle
ScheduledStationGeographicLocationCodeSequence ScheduledStationName
ScheduledStationNameCodeSequence ScheduledStudyLocation SeriesDescription ServiceEpisodeDescription
ServiceEpisodeID SmokingStatus SoftwareVersions SpecialNeeds SpecimenPreparationSequence
StationName StudyComments StudyDescription StudyIDIssuer TextComments TextString
TimezoneOffsetFromUTC TopicAuthor TopicKeywords TopicSubject TopicTitle
TransducerIdentificationSequence UDISequence VerbalSourceIdentifierCodeSequenceTrial
VerifyingObserverIdentificationCodeSequence VerifyingObserverName VerifyingObserverSequence
VerifyingOrganization VisitComments WaveformAnnotationSequence
"""
_EMPTY = """
AccessionNumber ContentCreatorName ContentDescription PatientBirthDate PatientSex
ReferringPhysicianName StudyID
"""
_DATES = """
AcquisitionDate AcquisitionDateTime AcquisitionTime ContentDate ContentTime
ContributionDateTime CurveDate CurveTime FrameAcquisitionDateTime FrameReferenceDateTime
InstanceCreationDate InstanceCreationTime OverlayDate OverlayTime PerformedProcedureStepEndDate
PerformedProcedureStepEndTime PerformedProcedureStepStartDate PerformedProcedureStepStartTime
RadiopharmaceuticalStartDateTime RadiopharmaceuticalStartTime RadiopharmaceuticalStopDateTime
RadiopharmaceuticalStopTime SeriesDate SeriesTime StudyDate StudyTime
"""
_MAY_STAND = """
CodeMeaning CodeValue CodingSchemeDesignator CodingSchemeVersion ConvolutionKernel
DimensionDescriptionLabel FilterType Manufacturer ManufacturerModelName PulseSequenceName
ReceiveCoilName RescaleType SegmentAlgorithmName SegmentLabel SequenceName StackID TransmitCoilName
ExtendedOffsetTable ExtendedOffsetTableLengths DoubleFloatPixelData FloatPixelData PixelData
LUTData RedPaletteColorLookupTableData GreenPaletteColorLookupTableData
BluePaletteColorLookupTableData RedPaletteColorLookupTableDescriptor
GreenPaletteColorLookupTableDescriptor BluePaletteColorLookupTableDescriptor
SmallestImagePixelValue LargestImagePixelValue PositionReferenceIndicator
"""
DESCRIPTIONS = ("SeriesDescription", "StudyDescription", "ProtocolName")
"""Kept on request: they say which series is which, and sometimes more."""


def _tags(words: str, action: Action) -> dict[BaseTag, Action]:
    found = {word: tag_for_keyword(word) for word in words.split()}
    return {Tag(tag): action for tag in found.values() if tag is not None}


PROFILE: dict[BaseTag, Action] = {
    **_tags(_REMOVE, "remove"),
    **_tags(_EMPTY, "empty"),
    **_tags(_DATES, "date"),
    **_tags(_MAY_STAND, "keep"),
    **_tags("PatientID PatientName", "pseudonym"),
}
KEYWORDS = tuple(" ".join((_REMOVE, _EMPTY, _DATES, _MAY_STAND)).split())

_DRAWN = (0x50, 0x60)  # curves and overlays: drawings, with texts in them
_OF_PEOPLE = (0x0010, 0x0032, 0x0038, 0x4008)  # patients, requests, visits, interpretations
_NUMBERS = ("CS", "DS", "IS", "FD", "FL", "US", "SS", "UL", "SL", "AT", "SV", "UV")
_BY_KIND: dict[str, Action] = {
    "UI": "uid", "SQ": "inside", "DA": "date", "TM": "date", "DT": "date",
    **dict.fromkeys(_NUMBERS, "keep"),
}  # fmt: skip


def action_of(tag: BaseTag, kind: str) -> Action:
    """What is done with an attribute.

    Args:
        tag: Of the attribute.
        kind: Its value representation (PS3.5, 6.2).
    """
    if tag.is_private or tag.group >> 8 in _DRAWN:
        return "remove"
    known = PROFILE.get(tag)
    if known is not None:
        return known
    if tag.group in _OF_PEOPLE:
        return "remove"
    return _BY_KIND.get(kind, "remove")
